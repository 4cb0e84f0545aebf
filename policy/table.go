package policy

import "math"

// resolutionUS is the shortest latency that a table holds, one nanosecond:
// a measured 0 would otherwise read as "unseen".
const resolutionUS = 1e-3

// Table is θ, the expected latency in µs by request number: slot i is that of
// request number i+1. 0 means that the request number has not been seen yet.
type Table []float64

// NewTable returns a table of maxRequests (W) slots, all unseen.
func NewTable(maxRequests int) Table {
	return make(Table, max(maxRequests, 0))
}

// Observe records the latency in µs of the n-th (1-based) request of a lineage:
//
//	θ[n-1] ← L                      if the slot was unseen
//	θ[n-1] ← ε·L + (1-ε)·θ[n-1]     otherwise
//	θ[W-1] ← θ[W-2]
//
// The last slot stands for everything behind the table, which is why it follows
// its neighbour. Latencies below a nanosecond count as one. Observe reports
// whether it took the value: it does not if n is outside [1, W], the latency
// is negative or not finite, or ε is outside (0, 1]; the table is then
// unchanged.
func (t Table) Observe(n int, latencyUS, eps float64) bool {
	if n < 1 || n > len(t) || !validLatency(latencyUS) || !(eps > 0 && eps <= 1) {
		return false
	}
	t[n-1] = blend(t[n-1], max(latencyUS, resolutionUS), eps)
	if last := len(t) - 1; last > 0 {
		t[last] = t[last-1]
	}
	return true
}

// Resized returns a copy with maxRequests (W) slots: cut off at the end, or
// extended by unseen ones.
func (t Table) Resized(maxRequests int) Table {
	resized := NewTable(maxRequests)
	copy(resized, t)
	return resized
}

// blend is the exponentially weighted mean of the latencies of a slot.
func blend(theta, latencyUS, eps float64) float64 {
	if !seen(theta) {
		return latencyUS
	}
	return eps*latencyUS + (1-eps)*theta
}

// seen reports whether a slot holds a measurement. What can be none (negative,
// NaN, infinite) is taken as unseen, so that a damaged table heals.
func seen(theta float64) bool {
	return theta > 0 && theta <= math.MaxFloat64
}

func validLatency(us float64) bool {
	return us >= 0 && us <= math.MaxFloat64
}
