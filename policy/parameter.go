package policy

import (
	"fmt"
	"math"
	"strconv"
	"strings"
)

// Bounds of the whole-number parameters. They are far above what makes sense
// and keep a spec, which may come from outside, from asking for gigabytes.
const (
	maxMaxRequests = 100_000
	maxMaxCapacity = 10_000
)

// defaults are the published parameters.
func defaults(name string) Params {
	p := Params{MaxCapacity: 14, P: 0.4, Gamma: 0.1, Epsilon: 0.5}
	if name == fixedName {
		p.RequestToCheckpoint = 100
	}
	return p
}

// parameter binds a key of a spec to its place in Params.
type parameter struct {
	name  string
	value value
}

// value is a parameter's value as text.
type value interface {
	set(text string) error
	String() string
	want() string // what is valid
}

func requestCentricParameters(p *Params) []parameter {
	return []parameter{
		{"max_capacity", whole{&p.MaxCapacity, 1, maxMaxCapacity}},
		{"p", fraction{&p.P, false}},
		{"gamma", fraction{&p.Gamma, false}},
		{"eps", fraction{&p.Epsilon, true}},
		{"max_requests", whole{&p.MaxRequests, 2, maxMaxRequests}},
	}
}

func fixedParameters(p *Params) []parameter {
	return []parameter{
		{"request_to_checkpoint", whole{&p.RequestToCheckpoint, 1, math.MaxInt32}},
		{"max_capacity", whole{&p.MaxCapacity, 1, maxMaxCapacity}},
		{"max_requests", whole{&p.MaxRequests, 2, maxMaxRequests}},
	}
}

func parameterNames(parameters []parameter) string {
	if len(parameters) == 0 {
		return "no parameters"
	}
	var names []string
	for _, p := range parameters {
		names = append(names, p.name)
	}
	return strings.Join(names, ", ")
}

// whole is a whole number in [min, max].
type whole struct {
	target   *int
	min, max int
}

func (w whole) String() string { return strconv.Itoa(*w.target) }

func (w whole) want() string { return fmt.Sprintf("a whole number from %d to %d", w.min, w.max) }

func (w whole) set(text string) error {
	n, err := strconv.Atoi(text)
	if err != nil || n < w.min || n > w.max {
		return fmt.Errorf("%q: want %s", text, w.want())
	}
	*w.target = n
	return nil
}

// fraction is a number in [0, 1], or in (0, 1] if it must be positive.
type fraction struct {
	target   *float64
	positive bool
}

func (f fraction) String() string { return strconv.FormatFloat(*f.target, 'g', -1, 64) }

func (f fraction) want() string {
	if f.positive {
		return "a number above 0 and up to 1"
	}
	return "a number from 0 to 1"
}

func (f fraction) set(text string) error {
	x, err := strconv.ParseFloat(text, 64)
	inside := x >= 0 && x <= 1 && !(f.positive && x == 0) // false for NaN
	if err != nil || !inside {
		return fmt.Errorf("%q: want %s", text, f.want())
	}
	*f.target = math.Abs(x) // -0 is 0
	return nil
}
