package main

import (
	"slices"
	"time"
)

// sample is one measurement of one way of doing something. The units are in
// the names of the values.
type sample struct {
	Way    string             `json:"way"`
	Round  int                `json:"round"`
	Began  time.Time          `json:"began"`
	Values map[string]float64 `json:"values"`
	// Failed says what went wrong on the way to a sample.
	Failed []string `json:"failed,omitempty"`
}

// samples are those of several ways.
type samples []sample

// of returns the values of a name that one way has.
func (s samples) of(way, name string) []float64 {
	var values []float64
	for _, one := range s {
		if v, ok := one.Values[name]; ok && one.Way == way {
			values = append(values, v)
		}
	}
	return values
}

// median is that of a value of a way; 0 of none.
func (s samples) median(way, name string) float64 { return median(s.of(way, name)) }

// failures is how many tries of a way came to nothing.
func (s samples) failures(way string) int {
	n := 0
	for _, one := range s {
		if one.Way == way {
			n += len(one.Failed)
		}
	}
	return n
}

// ratio is the median of one way over that of another; 0 if there are none.
func (s samples) ratio(above, below, name string) float64 {
	under := s.median(below, name)
	if under == 0 {
		return 0
	}
	return s.median(above, name) / under
}

// median is that of some values; 0 of none.
func median(values []float64) float64 {
	if len(values) == 0 {
		return 0
	}
	sorted := slices.Sorted(slices.Values(values))
	half := len(sorted) / 2
	if len(sorted)%2 == 1 {
		return sorted[half]
	}
	return (sorted[half-1] + sorted[half]) / 2
}

// inTurns calls f for every way, as often as there are rounds, each second
// round backwards, so that what else the machine does falls on all alike.
func inTurns[T any](rounds int, ways []T, f func(round int, way T) error) error {
	for round := range rounds {
		order := slices.Clone(ways)
		if round%2 == 1 {
			slices.Reverse(order)
		}
		for _, way := range order {
			if err := f(round, way); err != nil {
				return err
			}
		}
	}
	return nil
}
