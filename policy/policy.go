// Package policy decides: from which snapshot a lifetime starts, at which
// request number a checkpoint is taken of it, and which snapshots leave the
// pool. It holds the policies that Pronghorn (EuroSys'24) was evaluated with:
// the paper's own, request_centric, and the two it was compared with, fixed and
// cold. The formulas and the spec strings are in docs/policy.md.
//
// Everything here is a pure function of its arguments: no I/O, no clock, no
// random source but the one that the caller hands in. Strategies are immutable
// and safe for concurrent use.
//
// Request numbers count the requests of a whole lineage: a lifetime that
// starts cold starts at R = 0 and serves requests 1, 2, …; one that is restored
// from a snapshot taken after request R serves R+1, R+2, ….
package policy

// DefaultSpec is the spec of the strategy that is used when none is named.
const DefaultSpec = "request_centric"

// Rand is the source of randomness of every draw; *math/rand/v2.Rand satisfies it.
type Rand interface {
	// Float64 returns a number in [0, 1).
	Float64() float64
	// IntN returns a number in [0, n); n is never below 1.
	IntN(n int) int
}

// Strategy is a policy with its parameters.
type Strategy interface {
	// String returns the canonical spec: Parse of it returns an equal strategy.
	String() string
	// Params returns the parameters, defaults filled in.
	Params() Params
	// Start returns what a new lifetime may start from. The probabilities sum
	// to 1; there is always at least one option.
	Start(s State) []StartOption
	// Checkpoint returns the request numbers after which a lifetime that starts
	// at requestNumber may be checkpointed. The probabilities sum to 1; no
	// options means that no checkpoint is taken.
	Checkpoint(s State, requestNumber int) []CheckpointOption
	// Prune returns the ids of the snapshots that have to leave the pool, in
	// registration order; nil while the pool is within its capacity.
	Prune(s State, r Rand) []string
	// Lifetime returns how many requests a lifetime that starts at
	// requestNumber serves before it is evicted; 0 means that it never is.
	Lifetime(s State, requestNumber int) int
}

// Params are the parameters of a strategy. Those that a strategy does not use
// hold their defaults.
type Params struct {
	// MaxCapacity is the number of snapshots above which the pool is pruned.
	MaxCapacity int
	// MaxRequests is W, the number of slots of the latency table; 0 leaves it
	// to the runtime of the function (100 for PyPy, 200 for the JVM).
	MaxRequests int
	// P is p, the fraction of the pool that pruning keeps for its score.
	P float64
	// Gamma is γ, the fraction of the others that pruning keeps at random.
	Gamma float64
	// Epsilon is ε, the weight of a new latency in its slot, in (0, 1].
	Epsilon float64
	// RequestToCheckpoint is K, the request number that fixed works towards;
	// 0 for every other strategy.
	RequestToCheckpoint int
}

// Snapshot is a member of the pool.
type Snapshot struct {
	ID string
	// RequestNumber is R, the number of requests that the lineage had served
	// when the snapshot was taken.
	RequestNumber int
}

// State is what is known about a function when something is decided.
type State struct {
	// Latencies is θ; its length is W.
	Latencies Table
	// Pool holds the snapshots in the order of their registration.
	Pool []Snapshot
	// Eviction is E, the number of requests that a lifetime serves; 0 means
	// that it is unknown or that lifetimes are never evicted.
	Eviction int
}

// horizon is E as the scores see it: without an eviction rate, or with one
// beyond the table, a lifetime is expected to reach the end of the table.
func (s State) horizon() int {
	w := len(s.Latencies)
	if s.Eviction <= 0 {
		return w
	}
	return min(s.Eviction, w)
}

// StartOption is one way to start a lifetime.
type StartOption struct {
	// ID is the snapshot to restore; "" means a cold start.
	ID string
	// RequestNumber is the R that the lifetime starts at; 0 when cold.
	RequestNumber int
	// Probability is in [0, 1].
	Probability float64
}

// CheckpointOption is one request number after which to checkpoint.
type CheckpointOption struct {
	RequestNumber int
	// Probability is in [0, 1].
	Probability float64
}
