package policy_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/pronghorn-faas/pronghorn/policy"
)

func TestParse(t *testing.T) {
	published := policy.Params{MaxCapacity: 14, P: 0.4, Gamma: 0.1, Epsilon: 0.5}
	with := func(change func(*policy.Params)) policy.Params {
		p := published
		change(&p)
		return p
	}
	tests := map[string]struct {
		spec, canonical string // canonical "": as spec
		want            policy.Params
	}{
		"cold":                                   {"cold", "", published},
		"fixed aims at request 100":              {"fixed", "", with(func(p *policy.Params) { p.RequestToCheckpoint = 100 })},
		"request_centric as published":           {"request_centric", "", published},
		"a default that is given is left out":    {"request_centric&p=0.4&max_capacity=14", "request_centric", published},
		"the state of the art of the evaluation": {"fixed&request_to_checkpoint=1", "", with(func(p *policy.Params) { p.RequestToCheckpoint = 1 })},
		"the strategy of the evaluation":         {"request_centric&max_capacity=12", "", with(func(p *policy.Params) { p.MaxCapacity = 12 })},
		"parameters have one order": {
			"request_centric&max_requests=200&eps=1&gamma=0&p=1e-3&max_capacity=1",
			"request_centric&max_capacity=1&p=0.001&gamma=0&eps=1&max_requests=200",
			policy.Params{MaxCapacity: 1, MaxRequests: 200, P: 0.001, Gamma: 0, Epsilon: 1},
		},
		"fixed has a capacity and a table": {
			"fixed&max_requests=2&max_capacity=3", "fixed&max_capacity=3&max_requests=2",
			with(func(p *policy.Params) { p.RequestToCheckpoint, p.MaxCapacity, p.MaxRequests = 100, 3, 2 }),
		},
		"minus nothing is nothing": {"request_centric&p=-0", "request_centric&p=0", with(func(p *policy.Params) { p.P = 0 })},
	}
	for claim, test := range tests {
		t.Run(claim, func(t *testing.T) {
			s := parse(t, test.spec)
			if diff := cmp.Diff(test.want, s.Params()); diff != "" {
				t.Errorf("parameters (-want +got):\n%s", diff)
			}
			canonical := test.canonical
			if canonical == "" {
				canonical = test.spec
			}
			if s.String() != canonical {
				t.Errorf("canonical spec %q, want %q", s, canonical)
			}
		})
	}
}

func TestDefaultSpec(t *testing.T) {
	if s := parse(t, policy.DefaultSpec); s.String() != policy.DefaultSpec {
		t.Errorf("the canonical form of %q is %q", policy.DefaultSpec, s)
	}
}

func TestParseErrorsNameTheValueAndWhatIsValid(t *testing.T) {
	tests := map[string]struct{ spec, want string }{
		"an empty spec":             {"", `strategy "": unknown name "": want one of cold, fixed, request_centric`},
		"an unknown name":           {"warm&p=1", `unknown name "warm": want one of cold, fixed, request_centric`},
		"a name in capitals":        {"Cold", `unknown name "Cold"`},
		"a name with a space":       {" cold", `unknown name " cold"`},
		"an unknown parameter":      {"request_centric&q=1", `unknown parameter "q": request_centric takes max_capacity, p, gamma, eps, max_requests`},
		"one of another strategy":   {"fixed&eps=1", `unknown parameter "eps": fixed takes request_to_checkpoint, max_capacity, max_requests`},
		"any parameter of cold":     {"cold&max_requests=100", `unknown parameter "max_requests": cold takes no parameters`},
		"an empty parameter":        {"request_centric&", `unknown parameter ""`},
		"a parameter twice":         {"request_centric&p=1&p=1", `parameter "p" is given twice`},
		"a parameter without value": {"request_centric&p", `parameter "p" has no value: want p=a number from 0 to 1`},
		"an empty value":            {"request_centric&p=", `parameter "p": "": want a number from 0 to 1`},
		"p below 0":                 {"request_centric&p=-0.1", `parameter "p": "-0.1": want a number from 0 to 1`},
		"gamma above 1":             {"request_centric&gamma=1.5", `parameter "gamma": "1.5": want a number from 0 to 1`},
		"eps 0":                     {"request_centric&eps=0", `parameter "eps": "0": want a number above 0 and up to 1`},
		"no number":                 {"request_centric&p=NaN", `parameter "p": "NaN": want a number from 0 to 1`},
		"capacity 0":                {"request_centric&max_capacity=0", `parameter "max_capacity": "0": want a whole number from 1 to 10000`},
		"half a snapshot":           {"fixed&max_capacity=1.5", `parameter "max_capacity": "1.5": want a whole number`},
		"a table of one request":    {"fixed&max_requests=1", `parameter "max_requests": "1": want a whole number from 2 to 100000`},
		"a table of gigabytes":      {"request_centric&max_requests=2000000000", `want a whole number from 2 to 100000`},
		"a checkpoint at 0":         {"fixed&request_to_checkpoint=0", `parameter "request_to_checkpoint": "0": want a whole number from 1 to`},
		"a number too great":        {"fixed&request_to_checkpoint=99999999999999999999", `want a whole number from 1 to`},
		"a second equals sign":      {"fixed&request_to_checkpoint=1=2", `"1=2": want a whole number`},
	}
	for claim, test := range tests {
		t.Run(claim, func(t *testing.T) {
			s, err := policy.Parse(test.spec)
			if err == nil {
				t.Fatalf("parsed as %q", s)
			}
			if !strings.Contains(err.Error(), test.want) {
				t.Errorf("error %q, want it to contain %q", err, test.want)
			}
		})
	}
}

func FuzzParse(f *testing.F) {
	for _, seed := range []string{
		"cold", "fixed&request_to_checkpoint=1", "request_centric&max_capacity=12",
		"request_centric&p=1e-300&gamma=0x1p-3&eps=.5&max_requests=+7", "fixed&&", "request_centric&p=-0&=",
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, spec string) {
		s, err := policy.Parse(spec)
		if err != nil {
			return
		}
		again, err := policy.Parse(s.String())
		if err != nil {
			t.Fatalf("the canonical form of %q does not parse: %v", spec, err)
		}
		if again != s || again.String() != s.String() {
			t.Errorf("%q became %q and then %q", spec, s, again)
		}
	})
}
