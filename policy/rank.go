package policy

import "slices"

// rank returns the indices of values, greatest value first, equals in their
// order. The values must not be NaN.
func rank(values []float64) []int {
	indices := make([]int, len(values))
	for i := range indices {
		indices[i] = i
	}
	slices.SortFunc(indices, func(a, b int) int {
		switch {
		case values[a] > values[b]:
			return -1
		case values[a] < values[b]:
			return 1
		}
		return a - b
	})
	return indices
}

// idsAt returns the ids of the snapshots with these indices, in the pool's
// order; nil if there are none. It sorts indices.
func idsAt(pool []Snapshot, indices []int) []string {
	if len(indices) == 0 {
		return nil
	}
	slices.Sort(indices)
	ids := make([]string, len(indices))
	for k, i := range indices {
		ids[k] = pool[i].ID
	}
	return ids
}
