package policy

import "testing"

func TestExpectedLatencyIsTheMeanOfTheSlotsThatWouldBeServed(t *testing.T) {
	table := Table{400, 0, 200, 100, 60}
	for name, c := range map[string]struct {
		eviction, from int
		want           float64
		ok             bool
	}{
		"the first two, one unseen":     {2, 0, 400, true},
		"from the middle":               {2, 2, 150, true},
		"to the end of the table":       {4, 3, 80, true},
		"no eviction: all of it":        {0, 0, 190, true},
		"only slots that nobody saw":    {1, 1, 0, false},
		"beyond the table":              {4, 5, 0, false},
		"far beyond the table":          {4, 500, 0, false},
		"a request number below 0 is 0": {1, -3, 400, true},
		"an eviction beyond the table":  {1000, 2, 120, true},
		"no table":                      {1, 0, 0, false},
	} {
		s := State{Latencies: table, Eviction: c.eviction}
		if name == "no table" {
			s.Latencies = nil
		}
		if got, ok := s.ExpectedLatency(c.from); got != c.want || ok != c.ok {
			t.Errorf("%s: %v, %v; want %v, %v", name, got, ok, c.want, c.ok)
		}
	}
}

func TestExpectationOfADrawWeighsItsOptions(t *testing.T) {
	s := State{Latencies: Table{400, 0, 200, 100}, Eviction: 1}
	options := []StartOption{{"", 0, 0.25}, {"a", 2, 0.25}, {"unknown", 1, 0.5}}
	if got, ok := s.ExpectedOf(options); got != 300 || !ok {
		t.Errorf("%v, %v; want 300: half 400, half 200", got, ok)
	}
	if _, ok := s.ExpectedOf(options[2:]); ok {
		t.Error("an expectation of what nobody has seen")
	}
}
