package server

import (
	"context"
	"errors"
	"fmt"
	"math"

	"github.com/pronghorn-faas/pronghorn/kvstore"
	"github.com/pronghorn-faas/pronghorn/policy"
)

// casTries is how often a lost compare-and-set of the parameters is repeated;
// it is lost only to somebody who set them in between.
const casTries = 4

// state reads a function and refuses what no strategy could work with.
func (s *Server) state(ctx context.Context, fn string) (kvstore.State, error) {
	st, err := s.cfg.Store.State(ctx, fn)
	if err == nil {
		err = checkTable(st)
	}
	if err != nil {
		return kvstore.State{}, wrapStore("read the state of "+fn, err)
	}
	st.Function = fn
	s.metrics.observePool(st)
	return st, nil
}

func checkTable(st kvstore.State) error {
	if len(st.LatenciesUS) != st.Params.MaxRequests {
		return fmt.Errorf("the table has %d slots, max_requests says %d: delete the function from the store",
			len(st.LatenciesUS), st.Params.MaxRequests)
	}
	for i, us := range st.LatenciesUS {
		if !(us >= 0) || math.IsInf(us, 0) {
			return fmt.Errorf("slot %d of the table is %v: delete the function from the store", i, us)
		}
	}
	return nil
}

// stateFor reads a function whose table is to have the given parameters, and
// sets them first if it has others.
func (s *Server) stateFor(ctx context.Context, fn string, want kvstore.Params) (kvstore.State, error) {
	for range casTries {
		st, err := s.state(ctx, fn)
		if err != nil || st.Params == want {
			return st, err
		}
		err = s.cfg.Store.SetParams(ctx, fn, st.Version, want)
		if err != nil && !errors.Is(err, kvstore.ErrConflict) {
			return st, wrapStore("set the parameters of "+fn, err)
		}
	}
	return kvstore.State{}, wrapStore("set the parameters of "+fn, errors.New("others keep changing them: do its workers use different strategies?"))
}

// tableParams are the table's parameters under a strategy: W is the spec's,
// else that of the runtime (paper, section 5.1).
func tableParams(strategy policy.Strategy, runtime string) kvstore.Params {
	p := strategy.Params()
	want := kvstore.Params{MaxRequests: p.MaxRequests, Epsilon: p.Epsilon}
	if want.MaxRequests != 0 {
		return want
	}
	want.MaxRequests = 100
	if runtime == "jvm" {
		want.MaxRequests = 200
	}
	return want
}
