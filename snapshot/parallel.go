package snapshot

import (
	"context"
	"sync"
	"sync/atomic"
	"time"

	"github.com/pronghorn-faas/pronghorn/internal/background"
)

// workers is how many goroutines compute at a time.
func workers() int { return background.Workers() }

// parallel calls what newWorker returns for 0 to n-1, on at most so many
// goroutines, and returns the first error, after which no more is begun.
func parallel(ctx context.Context, n, workers int, newWorker func() func(i int) error) error {
	return spread(ctx, n, workers, func(work func()) { work() }, newWorker)
}

// mostRest is how long a worker in the background rests at most after a piece
// of its work, which it does for as long as that took: where the kernel shares
// the CPU among sessions, a low priority in one of them does nothing for the
// function in the other.
const mostRest = 2 * time.Millisecond

// leastRest is what rests are put together to: going to sleep and waking up
// takes the runtime and the kernel CPU time.
const leastRest = time.Millisecond

// inBackground is parallel for what nobody waits for.
func inBackground(ctx context.Context, n, workers int, newWorker func() func(i int) error) error {
	return gently(ctx, n, workers, func() func(int) error {
		work := newWorker()
		return func(i int) error {
			background.Turn()
			return work(i)
		}
	})
}

// gently is parallel for what nobody waits for but others, elsewhere, might.
func gently(ctx context.Context, n, workers int, newWorker func() func(i int) error) error {
	return spread(ctx, n, workers, background.Do, func() func(int) error { return resting(newWorker()) })
}

// resting rests for as long as the work takes.
func resting(work func(i int) error) func(i int) error {
	var owed time.Duration
	return func(i int) error {
		began := time.Now()
		err := work(i)
		if owed += time.Since(began); owed >= leastRest {
			background.Rest(min(owed, mostRest))
			owed = 0
		}
		return err
	}
}

func spread(ctx context.Context, n, workers int, run func(func()), newWorker func() func(i int) error) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	var next atomic.Int64
	var group sync.WaitGroup
	for range min(workers, n) {
		group.Go(func() {
			run(func() {
				work := newWorker()
				for i := int(next.Add(1)) - 1; i < n && ctx.Err() == nil; i = int(next.Add(1)) - 1 {
					if err := work(i); err != nil {
						cancel(err)
					}
				}
			})
		})
	}
	group.Wait()
	return context.Cause(ctx)
}
