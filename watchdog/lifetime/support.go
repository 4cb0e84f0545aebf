package lifetime

import "context"

// Support is the answer to whether snapshots are possible on this worker. To
// find out takes longer than to ask for a plan, so both are done at once.
type Support struct {
	done    chan struct{}
	mode    string
	failure Failure
}

// NewSupport starts to find out: check returns in which mode they are possible
// (see criu.Mode), or why they are not.
func NewSupport(check func() (mode string, err error)) *Support {
	s := &Support{done: make(chan struct{})}
	go func() {
		defer close(s.done)
		mode, err := check()
		if err != nil {
			s.failure = Failure{codeNoCRIU, err}
		}
		s.mode = mode
	}()
	return s
}

// Known is the answer so far; none while it is not known.
func (s *Support) Known() Failure {
	select {
	case <-s.done:
		return s.failure
	default:
		return Failure{}
	}
}

// Wait waits for the answer.
func (s *Support) Wait(ctx context.Context) Failure {
	select {
	case <-s.done:
		return s.failure
	case <-ctx.Done():
		return Failure{codeNoCRIU, context.Cause(ctx)}
	}
}

// Mode is the mode in which snapshots are possible, once it is known.
func (s *Support) Mode() string {
	select {
	case <-s.done:
		return s.mode
	default:
		return ""
	}
}
