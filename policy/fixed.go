package policy

// fixed works towards one snapshot, taken after request K, and starts every
// lifetime from it. With K = 1 it is the state of the art that the paper
// compares with: checkpoint after the first request.
type fixed struct{ params Params }

func (f fixed) String() string { return spec(fixedName, f.params) }
func (f fixed) Params() Params { return f.params }

// Start takes the snapshot nearest to K among those not past it; if all are
// past it, any of them; if there are none, a cold start.
func (f fixed) Start(s State) []StartOption {
	if len(s.Pool) == 0 {
		return coldStart()
	}
	best := s.Pool[f.preferred(s.Pool)[0]]
	if best.RequestNumber <= f.params.RequestToCheckpoint {
		return []StartOption{{best.ID, best.RequestNumber, 1}}
	}
	options := make([]StartOption, len(s.Pool))
	for i, snapshot := range s.Pool {
		options[i] = StartOption{snapshot.ID, snapshot.RequestNumber, 1 / float64(len(s.Pool))}
	}
	return options
}

// Checkpoint is at K, or at the last request of the lifetime, R+E, if it ends
// before K. At or past K there is none: request R has been served before the
// lifetime started.
func (f fixed) Checkpoint(s State, requestNumber int) []CheckpointOption {
	r, k := max(requestNumber, 0), f.params.RequestToCheckpoint
	if r >= k {
		return nil
	}
	if s.Eviction > 0 {
		k = r + min(k-r, s.Eviction)
	}
	return []CheckpointOption{{RequestNumber: k, Probability: 1}}
}

// Prune keeps the snapshots that Start would take first.
func (f fixed) Prune(s State, _ Rand) []string {
	if len(s.Pool) <= f.params.MaxCapacity {
		return nil
	}
	return idsAt(s.Pool, f.preferred(s.Pool)[f.params.MaxCapacity:])
}

// Lifetime is E.
func (f fixed) Lifetime(s State, _ int) int { return max(s.Eviction, 0) }

// preferred returns the indices of the pool in the order in which Start would
// take them: from K downwards, then those past K, which are all the same to it.
// Of equals, the one registered first comes first.
func (f fixed) preferred(pool []Snapshot) []int {
	depths := make([]float64, len(pool))
	for i, snapshot := range pool {
		depths[i] = float64(max(snapshot.RequestNumber, 0))
		if snapshot.RequestNumber > f.params.RequestToCheckpoint {
			depths[i] = -1
		}
	}
	return rank(depths)
}
