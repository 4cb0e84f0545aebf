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
	quick  bool
	verify func(context.Context) error
	once   sync.Once // of verify

	mu      sync.Mutex
	failure Failure
}

// NewSupport starts to find out: allowed returns in which mode snapshots may be
// taken (see criu.Mode), and whether CRIU's calls are quick already, or why it
// may not be used. verify says why CRIU does not work here
// after all; it is called at most once, and only if it may be used.
func NewSupport(allowed func() (mode string, quick bool, err error), verify func(context.Context) error) *Support {
	s := &Support{done: make(chan struct{}), verify: verify}
	go func() {
		defer close(s.done)
		var err error
		s.mode, s.quick, err = allowed()
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
	s.once.Do(func() { s.fail(s.verify(ctx)) })
	return s.Known()
}

// Quick reports whether CRIU knows all about the kernel here. It waits until it
// is known whether CRIU may be used.
func (s *Support) Quick() bool {
	<-s.done
	return s.quick
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
