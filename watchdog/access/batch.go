package access

import (
	"io"
	"sync"
	"time"
)

const (
	// batchDelay is how long a line waits for others to be written with it.
	batchDelay = 5 * time.Millisecond
	// batchSize is how much waits at most, in bytes.
	batchSize = 32 << 10
)

// Batch writes lines in the order in which they come, and the lines of requests
// many at a time: to write them takes longer than to make them. At most what
// came within the last few milliseconds is lost if the program is killed.
type Batch struct {
	mu      sync.Mutex
	out     io.Writer
	waiting []byte
	timer   *time.Timer // runs while something waits
}

// NewBatch returns a batch that writes to out. Its owner calls Flush at the end.
func NewBatch(out io.Writer) *Batch { return &Batch{out: out} }

// Write writes p at once, after what waits.
func (b *Batch) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if err := b.flush(); err != nil {
		return 0, err
	}
	return b.out.Write(p)
}

// Later returns the writer for lines that may wait.
func (b *Batch) Later() io.Writer { return later{b} }

// Flush writes what waits.
func (b *Batch) Flush() error {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.flush()
}

func (b *Batch) flush() error {
	if len(b.waiting) == 0 {
		return nil
	}
	_, err := b.out.Write(b.waiting)
	b.waiting = b.waiting[:0] // what could not be written will not be later
	return err
}

type later struct{ *Batch }

// Write keeps a line for the next batch.
func (l later) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(l.waiting)+len(p) > batchSize {
		if err := l.flush(); err != nil {
			return 0, err
		}
	}
	if len(l.waiting) == 0 {
		l.wake()
	}
	l.waiting = append(l.waiting, p...)
	return len(p), nil
}

// wake has the batch written soon.
func (l later) wake() {
	if l.timer == nil {
		l.timer = time.AfterFunc(batchDelay, func() { _ = l.Flush() }) // there is nowhere left to complain
		return
	}
	l.timer.Reset(batchDelay)
}
