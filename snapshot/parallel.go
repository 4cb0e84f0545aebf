package snapshot

import (
	"context"
	"runtime"
	"sync"
	"sync/atomic"

	"github.com/pronghorn-faas/pronghorn/internal/background"
)

// workers is how many goroutines compute at a time.
func workers() int { return runtime.GOMAXPROCS(0) }

// parallel calls what newWorker returns for 0 to n-1, on at most so many
// goroutines, and returns the first error, after which no more is begun.
func parallel(ctx context.Context, n, workers int, newWorker func() func(i int) error) error {
	return spread(ctx, n, workers, func(work func()) { work() }, newWorker)
}

// inBackground is parallel for what nobody waits for.
func inBackground(ctx context.Context, n, workers int, newWorker func() func(i int) error) error {
	return spread(ctx, n, workers, background.Do, newWorker)
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
