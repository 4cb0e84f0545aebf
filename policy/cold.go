package policy

// cold never uses a snapshot: the baseline of every comparison, and the way to
// switch snapshots off.
type cold struct{ params Params }

func (c cold) String() string { return spec(coldName, c.params) }
func (c cold) Params() Params { return c.params }

// Start is always cold.
func (c cold) Start(State) []StartOption { return coldStart() }

// Checkpoint is never.
func (c cold) Checkpoint(State, int) []CheckpointOption { return nil }

// Prune removes nothing: the snapshots of another strategy may be wanted again.
func (c cold) Prune(State, Rand) []string { return nil }

// Lifetime is E.
func (c cold) Lifetime(s State, _ int) int { return max(s.Eviction, 0) }

func coldStart() []StartOption { return []StartOption{{Probability: 1}} }
