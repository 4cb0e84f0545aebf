package userfault

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sys/unix"
)

// Pager gives processes their memory, on one thread. It ends by itself when all
// of them have all of it; from then on nothing is left of it in them.
type Pager struct {
	source Source
	// busy reports whether the process has something to do; nil = always.
	busy func() bool

	spaces []*space  // the thread's
	resume time.Time // the thread's: when to fill the next piece
	pace   atomic.Int32
	waker  int // an eventfd, to which is written what the thread shall look at

	mu       sync.Mutex
	added    []*space
	complete bool // no more are added
	closing  bool

	told  bool          // the thread's: ready is closed
	ready chan struct{} // closed when the processes may run
	done  chan struct{}
	// Once done:
	err     error
	asked   int
	touched []Touched
}

// New returns a pager that gives what source has, at the pace Hold. busy is
// asked, from another goroutine, while it fills gently.
func New(source Source, busy func() bool) (*Pager, error) {
	waker, err := unix.Eventfd(0, unix.EFD_CLOEXEC|unix.EFD_NONBLOCK)
	if err != nil {
		return nil, fmt.Errorf("give a process its memory: %w", err)
	}
	p := &Pager{source: source, busy: busy, waker: waker, ready: make(chan struct{}), done: make(chan struct{})}
	go p.run()
	return p, nil
}

// Add serves a process, whose userfaultfd the pager owns from then on.
func (p *Pager) Add(fd int, m Missing) {
	if !p.order(func() { p.added = append(p.added, newSpace(fd, p.source, m)) }) {
		_ = unix.Close(fd)
	}
}

// Complete says that all processes were added, and all of their memory can be
// filled. What they will need soon is; none of them runs until then.
func (p *Pager) Complete() { p.order(func() { p.complete = true }) }

// AwaitReady waits, after Complete, until the processes may run: they have what
// they need soon.
func (p *Pager) AwaitReady(ctx context.Context) error {
	select {
	case <-p.ready:
		return nil
	case <-p.done:
		return p.err
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// Fill changes the pace. What processes have touched until then is Touched.
func (p *Pager) Fill(pace Pace) { p.order(func() { p.pace.Store(int32(pace)) }) }

// Close ends a pager whose processes have ended: those that have not would find
// zeros where something is missing.
func (p *Pager) Close() {
	p.order(func() { p.closing = true })
	<-p.done
	p.letGo()
}

// Done is closed when the pager has ended.
func (p *Pager) Done() <-chan struct{} { return p.done }

// Err says, once Done, why memory is missing; nil = none is. Who touches some of
// it waits, until the pager is closed: the processes have to be ended first.
func (p *Pager) Err() error { return p.err }

// Context returns a context that also ends when memory cannot be given.
func (p *Pager) Context(ctx context.Context) (context.Context, context.CancelFunc) {
	ctx, cancel := context.WithCancelCause(ctx)
	go func() {
		select {
		case <-p.done:
			if p.err != nil {
				cancel(p.err)
			}
		case <-ctx.Done():
		}
	}()
	return ctx, func() { cancel(context.Canceled) }
}

// Asked is, once Done, how often a process has waited for a page.
func (p *Pager) Asked() int { return p.asked }

// Touched is, once Done, the memory that processes have waited for before the
// pager began to fill. What they got soon is not in it.
func (p *Pager) Touched() []Touched { return p.touched }

// order changes what the thread goes by. It reports whether there still is one.
func (p *Pager) order(change func()) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	select {
	case <-p.done:
		return false
	default:
	}
	change()
	_, _ = unix.Write(p.waker, []byte{1, 0, 0, 0, 0, 0, 0, 0}) // if it does not fit, there is something already
	return true
}

func (p *Pager) run() {
	err := p.serve()
	p.mu.Lock()
	p.spaces, p.added = append(p.spaces, p.added...), nil
	for _, s := range p.spaces {
		p.asked += s.asked
		p.touched = append(p.touched, s.touched...)
	}
	_ = unix.Close(p.waker)
	p.err = err
	close(p.done)
	p.mu.Unlock()
	if err == nil {
		p.letGo()
	}
}

// letGo ends the watch over the memory of all processes, once Done.
func (p *Pager) letGo() {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, s := range p.spaces {
		_ = unix.Close(s.fd)
	}
	p.spaces = nil
}

// serve answers and fills until there is nothing left to do.
func (p *Pager) serve() error {
	for {
		over, err := p.takeOrders()
		if over || err != nil {
			return err
		}
		told, err := p.listen(max(time.Until(p.resume), 0))
		if err == nil && !told {
			p.resume, err = p.fill()
		}
		if err != nil {
			return err
		}
	}
}

// takeOrders takes what others have ordered, and reports whether all is done.
func (p *Pager) takeOrders() (over bool, err error) {
	var count [8]byte
	if n, _ := unix.Read(p.waker, count[:]); n > 0 { // it is silent until the next
		p.resume = time.Time{}
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.spaces = append(p.spaces, p.added...)
	p.added = nil
	for _, s := range p.spaces {
		s.tracing = Pace(p.pace.Load()) == Hold
	}
	if p.closing {
		return false, ErrClosed
	}
	if !p.complete || p.early() != nil {
		return false, nil
	}
	if !p.told {
		p.told = true
		close(p.ready)
	}
	return p.next() == nil, nil
}

// next is a process that has not all of its memory; nil = there is none.
func (p *Pager) next() *space {
	for _, s := range p.spaces {
		if !s.gone && len(s.pending) > 0 {
			return s
		}
	}
	return nil
}

// early is a process that has not got yet what it needs before it runs; nil =
// there is none.
func (p *Pager) early() *space {
	for _, s := range p.spaces {
		if !s.gone && !s.early.over() {
			return s
		}
	}
	return nil
}

// due is early, or nil if it is too early for that.
func (p *Pager) due() *space {
	p.mu.Lock()
	defer p.mu.Unlock()
	if !p.complete {
		return nil
	}
	return p.early()
}

// forever is how long is waited for an order; a pager that fills waits less.
const forever = time.Hour

// listen waits for messages and orders and handles the messages. It reports
// whether there were any.
func (p *Pager) listen(wait time.Duration) (told bool, err error) {
	fds := make([]unix.PollFd, 0, len(p.spaces)+1)
	for _, s := range p.spaces {
		fds = append(fds, unix.PollFd{Fd: int32(s.fd), Events: unix.POLLIN})
	}
	fds = append(fds, unix.PollFd{Fd: int32(p.waker), Events: unix.POLLIN})
	limit := unix.NsecToTimespec(wait.Nanoseconds())
	if _, err := unix.Ppoll(fds, &limit, nil); err != nil && !errors.Is(err, unix.EINTR) {
		return false, fmt.Errorf("wait for page faults: %w", err)
	}
	told = fds[len(fds)-1].Revents != 0
	for i, s := range p.spaces[:len(fds)-1] {
		if fds[i].Revents == 0 {
			continue
		}
		told = true
		if err := p.hear(s); err != nil {
			return true, err
		}
	}
	return told, nil
}

// hear handles the messages of one process.
func (p *Pager) hear(s *space) error {
	var buf [16]message
	messages, err := receive(s.fd, buf[:])
	if err != nil && !errors.Is(err, unix.EAGAIN) {
		return fmt.Errorf("read page faults: %w", err)
	}
	for _, m := range messages {
		child, err := s.handle(m)
		if err != nil {
			return err
		}
		if child != nil {
			p.spaces = append(p.spaces, child)
		}
	}
	return s.retry()
}

const (
	// restWhenBusy is how many times as long as it took a piece is followed by
	// nothing, while the process has something to do.
	restWhenBusy = 4
	// longestRest bounds that, since the process may have nothing to do by then.
	longestRest = 2 * time.Millisecond
)

// fill fills a piece, and returns when to fill the next.
func (p *Pager) fill() (next time.Time, err error) {
	pace, s, part := Pace(p.pace.Load()), p.next(), (*space).fillPiece
	began := time.Now()
	if due := p.due(); due != nil {
		pace, s, part = Now, due, (*space).fillEarly
	}
	if pace == Hold || s == nil {
		return began.Add(forever), nil
	}
	if err := part(s); err != nil && !errors.Is(err, errLater) {
		return began, err
	}
	if now := time.Now(); pace == Gently && (p.busy == nil || p.busy()) {
		return now.Add(min(restWhenBusy*now.Sub(began), longestRest)), nil
	}
	return began, nil
}
