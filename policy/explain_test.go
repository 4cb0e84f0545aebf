package policy_test

import (
	"encoding/json"
	"math"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/pronghorn-faas/pronghorn/policy"
)

func explain(t *testing.T, input string) (string, error) {
	t.Helper()
	query, err := policy.ParseQuery([]byte(input))
	if err != nil {
		return "", err
	}
	explanation, err := policy.Explain(query)
	if err != nil {
		return "", err
	}
	output, err := json.Marshal(explanation)
	if err != nil {
		t.Fatal(err)
	}
	return string(output), nil
}

func TestExplain(t *testing.T) {
	tests := map[string]struct{ input, want string }{
		"request_centric: unseen requests are all equally promising": {
			`{"strategy":"request_centric","eviction":2,"max_requests":4,"latencies_us":[0,0,0,0],
			  "pool":[{"id":"b","request_number":2},{"id":"a","request_number":1},{"id":"c","request_number":0}],"request_number":1}`,
			`{"start":{"":0.25,"b":0.25,"a":0.25,"c":0.25},"checkpoint":{"2":0.5,"3":0.5}}`,
		},
		"request_centric: every member of the pool is listed, at probability 0 too": {
			`{"strategy":"request_centric","eviction":1,"latencies_us":[0,999999],"pool":[{"id":"a","request_number":1}],"request_number":0}`,
			`{"start":{"":1,"a":0},"checkpoint":{"1":1}}`,
		},
		"request_centric: softmax and proportion by hand": {
			// weights 1 and 2 and 1
			`{"strategy":"request_centric&max_requests=3","eviction":1,"latencies_us":[999999,499999,999999],"pool":[{"id":"a","request_number":1}],"request_number":0}`,
			`{"start":{"":0.2689414213699951,"a":0.7310585786300049},"checkpoint":{"1":1}}`,
		},
		"request_centric: checkpoints in the order of their numbers": {
			`{"strategy":"request_centric","eviction":4,"latencies_us":[0,0,0,0,0,0,0,0,0,0,0,0],"request_number":7}`,
			`{"start":{"":1},"checkpoint":{"8":0.25,"9":0.25,"10":0.25,"11":0.25}}`,
		},
		"request_centric: no checkpoint at the end of the table": {
			`{"strategy":"request_centric","eviction":4,"latencies_us":[0,0],"pool":[],"request_number":1}`,
			`{"start":{"":1},"checkpoint":{}}`,
		},
		"fixed: the chosen one and zeros": {
			`{"strategy":"fixed&request_to_checkpoint=3","eviction":1,"latencies_us":[1,1],
			  "pool":[{"id":"a","request_number":1},{"id":"b","request_number":2}],"request_number":2}`,
			`{"start":{"":0,"a":0,"b":1},"checkpoint":{"3":1}}`,
		},
		"cold: cold": {
			`{"strategy":"cold","eviction":0,"latencies_us":[1],"pool":[{"id":"\"<é","request_number":1}],"request_number":0}`,
			`{"start":{"":1,"\"\u003cé":0},"checkpoint":{}}`,
		},
	}
	for claim, test := range tests {
		t.Run(claim, func(t *testing.T) {
			got, err := explain(t, test.input)
			if err != nil {
				t.Fatal(err)
			}
			if got != test.want {
				t.Errorf("got\n%s\nwant\n%s", got, test.want)
			}
		})
	}
}

func TestExplainRefuses(t *testing.T) {
	const valid = `{"strategy":"request_centric","eviction":4,"max_requests":2,"latencies_us":[5,0],"pool":[{"id":"a","request_number":1}],"request_number":0}`
	if _, err := explain(t, valid); err != nil {
		t.Fatal(err)
	}
	tests := map[string]struct{ old, new, want string }{
		"nothing":                    {valid, ``, `not a JSON object with the fields strategy, eviction,`},
		"what is not JSON":           {valid, `{`, `not a JSON object`},
		"an array":                   {valid, `[]`, `a JSON array: want one object with the fields`},
		"null":                       {valid, `null`, `field "strategy" is missing`},
		"two objects":                {valid, valid + `{}`, `2 bytes after the JSON object: want one object`},
		"an unknown field":           {`"eviction"`, `"evict"`, `unknown field "evict": want strategy, eviction,`},
		"an unknown field in pool":   {`"id"`, `"ID_"`, `unknown field "ID_": want strategy, eviction, max_requests, latencies_us, pool, request_number; in pool: id, request_number`},
		"a missing strategy":         {`"strategy":"request_centric",`, ``, `field "strategy" is missing`},
		"a missing eviction":         {`"eviction":4,`, ``, `field "eviction" is missing`},
		"missing latencies":          {`"latencies_us":[5,0],`, ``, `field "latencies_us" is missing`},
		"a missing request number":   {`,"request_number":0}`, `}`, `field "request_number" is missing`},
		"a bad spec":                 {`request_centric`, `warm`, `unknown name "warm": want one of`},
		"a spec of another type":     {`"request_centric"`, `7`, `field "strategy" is a JSON number: want a string`},
		"a negative eviction":        {`"eviction":4`, `"eviction":-4`, `eviction -4: want 0 or more`},
		"half an eviction":           {`"eviction":4`, `"eviction":4.5`, `field "eviction" is a JSON number 4.5: want a whole number`},
		"max_requests 0":             {`"max_requests":2`, `"max_requests":0`, `max_requests 0: want 1 or more`},
		"too few latencies":          {`[5,0]`, `[5]`, `latencies_us has 1 numbers: want as many as max_requests, 2`},
		"no latencies":               {`"max_requests":2,"latencies_us":[5,0]`, `"latencies_us":[]`, `latencies_us has 0 numbers: want one per request number`},
		"a W of the spec's own":      {`request_centric`, `request_centric&max_requests=3`, `latencies_us has 2 numbers: want as many as max_requests, 3`},
		"a negative latency":         {`[5,0]`, `[5,-1]`, `latencies_us[1] is -1: want a finite number of µs`},
		"a latency that is null":     {`[5,0]`, `[5,null]`, `latencies_us[1] is null`},
		"a latency that is a word":   {`[5,0]`, `[5,"x"]`, `field "latencies_us" is a JSON string: want a number`},
		"an infinite latency":        {`[5,0]`, `[5,1e999]`, `field "latencies_us" is a JSON number 1e999: want a number`},
		"an empty id":                {`"id":"a"`, `"id":""`, `pool[0].id is empty`},
		"a missing id":               {`"id":"a",`, ``, `pool[0] is incomplete: want the fields id, request_number`},
		"a duplicate id":             {`"pool":[`, `"pool":[{"id":"a","request_number":3},`, `pool[1].id "a" is that of pool[0]: want unique ids`},
		"a negative one in the pool": {`"request_number":1`, `"request_number":-1`, `pool[0].request_number -1: want 0 or more`},
		"a missing one in the pool":  {`,"request_number":1`, ``, `pool[0] is incomplete`},
		"a negative request number":  {`"request_number":0`, `"request_number":-2`, `request_number -2: want 0 or more`},
	}
	for claim, test := range tests {
		t.Run(claim, func(t *testing.T) {
			output, err := explain(t, strings.Replace(valid, test.old, test.new, 1))
			if err == nil {
				t.Fatalf("answered %s", output)
			}
			if !strings.Contains(err.Error(), test.want) {
				t.Errorf("error %q, want it to contain %q", err, test.want)
			}
		})
	}
}

func TestExplainRefusesWhatJSONCannotHold(t *testing.T) {
	for _, us := range []float64{math.NaN(), math.Inf(1)} {
		_, err := policy.Explain(policy.Query{Strategy: "cold", LatenciesUS: []float64{us}})
		if err == nil || !strings.Contains(err.Error(), "latencies_us[0]") {
			t.Errorf("latency %v: error %v", us, err)
		}
	}
}

func FuzzExplain(f *testing.F) {
	f.Add([]byte(`{"strategy":"request_centric","eviction":4,"latencies_us":[5,0,1e300],"pool":[{"id":"a","request_number":1}],"request_number":0}`))
	f.Add([]byte(`{"strategy":"fixed","eviction":0,"max_requests":1,"latencies_us":[5],"request_number":9223372036854775807}`))
	f.Add([]byte(`{"strategy":"cold","eviction":1,"latencies_us":[null]}`))
	f.Fuzz(func(t *testing.T, input []byte) {
		query, err := policy.ParseQuery(input)
		if err != nil {
			return
		}
		explanation, err := policy.Explain(query)
		if err != nil {
			return
		}
		assertDistribution(t, explanation)
		if _, err := json.Marshal(explanation); err != nil {
			t.Error(err)
		}
	})
}

// assertDistribution checks that the probabilities are some.
func assertDistribution(t *testing.T, e policy.Explanation) {
	t.Helper()
	var start, checkpoint float64
	for _, o := range e.Start {
		start += o.Probability
	}
	for _, o := range e.Checkpoint {
		checkpoint += o.Probability
	}
	if !(math.Abs(start-1) < 1e-9) {
		t.Errorf("start probabilities sum to %v: %+v", start, e.Start)
	}
	if len(e.Checkpoint) > 0 && !(math.Abs(checkpoint-1) < 1e-9) {
		t.Errorf("checkpoint probabilities sum to %v: %+v", checkpoint, e.Checkpoint)
	}
}

func TestParseQueryKeepsEverything(t *testing.T) {
	got, err := policy.ParseQuery([]byte(`{"strategy":"cold","eviction":4,"latencies_us":[0.1,2],"pool":[{"id":"a","request_number":1}],"request_number":6}`))
	if err != nil {
		t.Fatal(err)
	}
	want := policy.Query{Strategy: "cold", Eviction: 4, LatenciesUS: []float64{0.1, 2}, Pool: pool(1), RequestNumber: 6}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}
