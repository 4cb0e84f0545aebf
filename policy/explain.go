package policy

import "fmt"

// Query is a state of which Explain tells the probabilities.
type Query struct {
	// Strategy is a strategy spec.
	Strategy string
	// Eviction is E, the requests that a lifetime serves; 0 = never evicted.
	Eviction int
	// LatenciesUS is θ in µs, 0 = unseen; its length is W.
	LatenciesUS []float64
	// Pool holds the snapshots in the order of their registration.
	Pool []Snapshot
	// RequestNumber is the R that the lifetime to be checkpointed starts at.
	RequestNumber int
}

// Explanation is what a strategy would draw from.
type Explanation struct {
	// Start has the cold start first and then the whole pool in its order,
	// also where the probability is 0.
	Start []StartOption
	// Checkpoint is empty when no checkpoint would be taken.
	Checkpoint []CheckpointOption
}

// Explain returns the exact probabilities of what the strategy may do next. An
// invalid query is an error that names the value and what was expected.
func Explain(q Query) (Explanation, error) {
	strategy, err := q.check()
	if err != nil {
		return Explanation{}, err
	}
	state := State{Latencies: q.LatenciesUS, Pool: q.Pool, Eviction: q.Eviction}
	return Explanation{
		Start:      everyStart(state.Pool, strategy.Start(state)),
		Checkpoint: strategy.Checkpoint(state, q.RequestNumber),
	}, nil
}

// everyStart completes options by those that the strategy never takes.
func everyStart(pool []Snapshot, options []StartOption) []StartOption {
	probabilities := make(map[string]float64, len(options))
	for _, o := range options {
		probabilities[o.ID] = o.Probability
	}
	all := []StartOption{{Probability: probabilities[""]}}
	for _, s := range pool {
		all = append(all, StartOption{s.ID, s.RequestNumber, probabilities[s.ID]})
	}
	return all
}

// check validates the query and returns its strategy.
func (q Query) check() (Strategy, error) {
	strategy, err := Parse(q.Strategy)
	if err != nil {
		return nil, err
	}
	if err := checkNotNegative("eviction", q.Eviction); err != nil {
		return nil, err
	}
	if err := checkLatencies(q.LatenciesUS, strategy.Params().MaxRequests); err != nil {
		return nil, err
	}
	if err := checkPool(q.Pool); err != nil {
		return nil, err
	}
	return strategy, checkNotNegative("request_number", q.RequestNumber)
}

func checkNotNegative(what string, n int) error {
	if n < 0 {
		return fmt.Errorf("%s %d: want 0 or more", what, n)
	}
	return nil
}

// checkLatencies checks a table against the W of the spec, 0 if it names none.
func checkLatencies(latenciesUS []float64, maxRequests int) error {
	if n := len(latenciesUS); n == 0 || maxRequests != 0 && n != maxRequests {
		return fmt.Errorf("latencies_us has %d numbers: want %s", n, wantSlots(maxRequests))
	}
	for i, us := range latenciesUS {
		if !validLatency(us) {
			return fmt.Errorf("latencies_us[%d] is %v: want a finite number of µs, 0 (unseen) or more", i, us)
		}
	}
	return nil
}

func wantSlots(maxRequests int) string {
	if maxRequests == 0 {
		return "one per request number, at least 1"
	}
	return fmt.Sprintf("as many as max_requests, %d", maxRequests)
}

func checkPool(pool []Snapshot) error {
	position := make(map[string]int, len(pool))
	for i, s := range pool {
		if s.ID == "" {
			return fmt.Errorf("pool[%d].id is empty: want a name", i)
		}
		if first, taken := position[s.ID]; taken {
			return fmt.Errorf("pool[%d].id %q is that of pool[%d]: want unique ids", i, s.ID, first)
		}
		position[s.ID] = i
		if err := checkNotNegative(fmt.Sprintf("pool[%d].request_number", i), s.RequestNumber); err != nil {
			return err
		}
	}
	return nil
}
