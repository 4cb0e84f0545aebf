package lifetime

import "context"

// Support is the answer to whether snapshots are possible on this worker. To
// find out takes longer than to ask for a plan, so both are done at once.
type Support struct {
	done    chan struct{}
	failure Failure
}

// NewSupport starts to find out: check says why snapshots are impossible, or
// returns nil.
func NewSupport(check func() error) *Support {
	s := &Support{done: make(chan struct{})}
	go func() {
		defer close(s.done)
		if err := check(); err != nil {
			s.failure = Failure{codeNoCRIU, err}
		}
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
