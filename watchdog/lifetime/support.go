package lifetime

import (
	"context"
	"sync"
)

// Support is the answer to whether snapshots are possible on this worker, in
// two steps. Whether CRIU may be used is found out while the agent is asked for
// a plan. Whether it works here, and what makes its calls quick, takes longer
// than a restore, so it comes after the first start, or after a restore that
// failed: then it tells a broken CRIU from a broken snapshot.
type Support struct {
	done   chan struct{} // closed when it is known whether CRIU may be used
	mode   string
	verify func(context.Context) error
	once   sync.Once // of verify

	mu      sync.Mutex
	failure Failure
	// quick is whether CRIU's calls are; asked is whether verify was begun, which
	// makes them so if anything does.
	quick, asked bool
}

// NewSupport starts to find out: allowed returns in which mode snapshots may be
// taken (see criu.Mode), and whether CRIU's calls are quick already, or why it
// may not be used. verify says why CRIU does not work here
// after all; it is called at most once, and only if it may be used.
func NewSupport(allowed func() (mode string, quick bool, err error), verify func(context.Context) error) *Support {
	s := &Support{done: make(chan struct{}), verify: verify}
	go func() {
		defer close(s.done)
		mode, quick, err := allowed()
		s.mode = mode
		s.note(&s.quick, quick)
		s.fail(err)
	}()
	return s
}

func (s *Support) fail(err error) {
	if err == nil {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.failure = Failure{codeNoCRIU, err}
}

// Known is the answer so far; none while it is not known.
func (s *Support) Known() Failure {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.failure
}

// Wait waits until it is known whether CRIU may be used.
func (s *Support) Wait(ctx context.Context) Failure {
	select {
	case <-s.done:
		return s.Known()
	case <-ctx.Done():
		return Failure{codeNoCRIU, context.Cause(ctx)}
	}
}

// Verify makes sure that CRIU works, if that has not been done yet.
func (s *Support) Verify(ctx context.Context) Failure {
	if why := s.Wait(ctx); !why.None() {
		return why
	}
	s.once.Do(func() {
		s.note(&s.asked, true)
		s.fail(s.verify(ctx))
	})
	return s.Known()
}

// Quick reports whether CRIU's calls are quick already. It waits until it is
// known whether CRIU may be used.
func (s *Support) Quick() bool {
	<-s.done
	return s.is(&s.quick)
}

// Ready makes CRIU's calls quick before a restore, if they are not yet: it has
// the CRIU that is about to restore learn about the kernel, and leaves it to a
// later Verify whether CRIU works. Where nothing can be learned it verifies now.
func (s *Support) Ready(ctx context.Context, learn func(context.Context) error) Failure {
	if why := s.Wait(ctx); !why.None() {
		return why
	}
	if s.is(&s.quick) {
		return Failure{}
	}
	if s.is(&s.asked) || learn(ctx) != nil {
		return s.Verify(ctx)
	}
	s.note(&s.quick, true)
	return Failure{}
}

func (s *Support) note(what *bool, value bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	*what = value
}

func (s *Support) is(what *bool) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return *what
}

// Mode is the mode in which snapshots may be taken, once it is known.
func (s *Support) Mode() string {
	select {
	case <-s.done:
		return s.mode
	default:
		return ""
	}
}
