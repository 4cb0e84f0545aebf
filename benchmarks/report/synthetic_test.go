package report_test

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/pronghorn-faas/pronghorn/agent"
	"github.com/pronghorn-faas/pronghorn/benchmarks/report"
	"github.com/pronghorn-faas/pronghorn/benchmarks/results"
)

const (
	cold    = "cold"
	request = "request_centric&max_capacity=12"
)

// config is a configuration of which data is made up.
type config struct {
	benchmark string
	rate      int
	strategy  string
	requests  int
	// Latencies are log-normal: medianUS is their median, spread the standard
	// deviation of their logarithm.
	medianUS float64
	spread   float64
	sizes    []int64 // drawn from; latency is then proportional to size
}

func seeded(seed uint64) rand.Source { return rand.NewPCG(seed, 0) }

// synthetic makes up the data of configurations.
func synthetic(seed uint64, configs ...config) results.Data {
	rng := rand.New(seeded(seed))
	var data results.Data
	for _, c := range configs {
		data.Add(c.data(rng))
	}
	return data
}

func (c config) data(rng *rand.Rand) results.Data {
	var data results.Data
	for i := range c.requests {
		size, scale := c.size(rng)
		us := int64(c.medianUS * scale * math.Exp(c.spread*rng.NormFloat64()))
		id := fmt.Sprintf("%s/%d/%s/%d", c.benchmark, c.rate, c.strategy, i/c.rate)
		data.Rows = append(data.Rows, results.Row{
			RequestNumber: i, Benchmark: c.benchmark, Mutability: 1, Strategy: c.strategy, Rate: c.rate,
			ClientUS: us, ServerUS: us * 9 / 10,
		})
		data.Requests = append(data.Requests, results.RequestRow{
			Benchmark: c.benchmark, Strategy: c.strategy, Rate: c.rate, RequestNumber: i,
			Lifetime: id, InputSize: size, ClientUS: us, Status: 200, Tries: 1,
		})
		if i%c.rate == 0 {
			data.Lifetimes = append(data.Lifetimes, c.lifetime(id, i/c.rate))
		}
	}
	return data
}

// size draws an input size and what it does to the latency.
func (c config) size(rng *rand.Rand) (size int64, scale float64) {
	if len(c.sizes) == 0 {
		return 0, 1
	}
	size = c.sizes[rng.IntN(len(c.sizes))]
	return size, float64(size) / 1000
}

// lifetime makes the n-th lifetime: the first is cold and takes a checkpoint.
func (c config) lifetime(id string, n int) results.LifetimeRow {
	record := agent.LifetimeRecord{
		Lifetime: id, Start: agent.Restored, Snapshot: "s", RequestNumber: 1, Requests: c.rate,
		StartUpMS: 50, BytesDownloaded: 1e6,
	}
	if n == 0 {
		record = agent.LifetimeRecord{
			Lifetime: id, Start: agent.Cold, Requests: c.rate, StartUpMS: 400, BytesUploaded: 3e6,
			Checkpoint: &agent.Checkpoint{Outcome: agent.CheckpointDone, Snapshot: "s", RequestNumber: 1, PauseMS: 14},
		}
	}
	return results.LifetimeRow{Benchmark: c.benchmark, Strategy: c.strategy, Rate: c.rate, LifetimeRecord: record}
}

// evaluation makes up a whole evaluation of some benchmarks.
func evaluation(seed uint64, benchmarks ...string) results.Data {
	requests := 500
	if testing.Short() {
		requests = 60
	}
	var configs []config
	for i, name := range benchmarks {
		base := 8e3 * math.Pow(2.2, float64(i))
		for _, rate := range []int{1, 4, 20} {
			gain := 1 - 0.1*math.Log(float64(rate)+1)
			configs = append(configs,
				config{benchmark: name, rate: rate, strategy: cold, requests: requests, medianUS: base * 1.5, spread: 0.25},
				config{benchmark: name, rate: rate, strategy: report.Baseline, requests: requests, medianUS: base, spread: 0.2},
				config{benchmark: name, rate: rate, strategy: request, requests: requests, medianUS: base * (1 - 0.4*gain), spread: 0.3},
				config{benchmark: name, rate: rate, strategy: "adaptive", requests: requests, medianUS: base * (1 - 0.55*gain), spread: 0.2})
		}
	}
	return synthetic(seed, configs...)
}

// warming is a function that gets faster, as the JIT compiler does it.
type warming struct {
	name           string
	firstUS, lowUS float64
	tau            float64 // requests until most of it is over
	imageBytes     int64
	pypy           bool
}

// paperFunctions are thirteen functions like those of the paper.
func paperFunctions() []warming {
	return []warming{
		{"bfs", 61e3, 8e3, 15, 44e6, true}, {"dfs", 22e3, 3.6e3, 12, 40e6, true},
		{"dynamic-html", 57e3, 12e3, 3, 41e6, true}, {"mst", 78e3, 9e3, 10, 42e6, true},
		{"pagerank", 20e3, 5e3, 9, 40e6, true}, {"compress", 1510e3, 1440e3, 5, 60e6, true},
		{"upload", 21e3, 16e3, 5, 58e6, true}, {"thumbnail", 290e3, 160e3, 2, 55e6, true},
		{"video", 1017e3, 870e3, 2, 52e6, true}, {"matrix-multiplication", 114e3, 23e3, 8, 31e6, false},
		{"simple-hash", 37e3, 3.7e3, 4, 31e6, false}, {"html-rendering", 317e3, 40e3, 20, 60e6, false},
		{"word-count", 36e3, 1.7e3, 12, 35e6, false},
	}
}

// us is the latency of a request number, in µs.
func (w warming) us(n int, rng *rand.Rand) float64 {
	return (w.lowUS + (w.firstUS-w.lowUS)*math.Exp(-float64(n-1)/w.tau)) * math.Exp(0.12*rng.NormFloat64())
}

// wholeEvaluation makes up an evaluation of all functions, or of some, with
// lineages, lifetimes, input sizes, garbage collection on PyPy and the fixed-k
// sweep.
func wholeEvaluation(seed uint64, runs, requests int, some ...string) results.Data {
	rng := rand.New(seeded(seed))
	var data results.Data
	for run := range runs {
		name := fmt.Sprintf("run-%d", run+1)
		for _, w := range paperFunctions() {
			if len(some) > 0 && !slices.Contains(some, w.name) {
				continue
			}
			for _, rate := range []int{1, 4, 20} {
				for _, s := range []string{cold, report.Baseline, request} {
					data.Add(w.run(rng, name, rate, s, requests))
				}
			}
			for _, k := range []int{2, 5, 10, 20, 50, 100} {
				data.Add(w.run(rng, name, 4, fmt.Sprintf("fixed&request_to_checkpoint=%d", k), requests))
			}
		}
	}
	return data
}

// run makes up a run of a configuration: a pool of snapshots of which a
// strategy takes one for each lifetime.
func (w warming) run(rng *rand.Rand, run string, rate int, strategy string, requests int) results.Data {
	var data results.Data
	pool := []int{}
	var k int
	if _, err := fmt.Sscanf(strategy, "fixed&request_to_checkpoint=%d", &k); err != nil {
		k = 0
	}
	for i := 0; i < requests; i += rate {
		at := 0
		if len(pool) > 0 {
			at = pool[len(pool)-1-int(float64(min(4, len(pool)))*rng.Float64())]
		}
		checkpoint := 0
		switch {
		case k > 0 && at < k:
			checkpoint = min(k, at+rate)
		case strategy == request && at < 100:
			checkpoint = at + 1 + rng.IntN(rate)
		}
		l := w.lifetime(fmt.Sprint(i), at, checkpoint, rate)
		data.Lifetimes = append(data.Lifetimes, results.LifetimeRow{
			Run: run, Benchmark: w.name, Strategy: strategy, Rate: rate, LifetimeRecord: l,
		})
		for j := i; j < min(i+rate, requests); j++ {
			data.Add(w.request(rng, run, rate, strategy, fmt.Sprint(i), j, at+1+j-i))
		}
		if checkpoint > 0 {
			pool = append(pool, checkpoint)
		}
	}
	return data
}

func (w warming) lifetime(id string, at, checkpoint, rate int) agent.LifetimeRecord {
	l := agent.LifetimeRecord{Lifetime: id, Start: agent.Cold, StartUpMS: 420, Requests: rate}
	if at > 0 {
		l.Start, l.RequestNumber, l.Snapshot = agent.Restored, at, fmt.Sprint(at)
		l.StartUpMS, l.RestoreMS, l.BytesDownloaded = 55, 31, w.imageBytes/20
	}
	if checkpoint > 0 {
		l.BytesUploaded = w.imageBytes / 30
		l.Checkpoint = &agent.Checkpoint{
			Outcome: agent.CheckpointDone, RequestNumber: checkpoint, Snapshot: fmt.Sprint(checkpoint),
			DumpMS: 12.4, PauseMS: 14.1, Bytes: w.imageBytes, StoredBytes: w.imageBytes / 30,
		}
	}
	return l
}

func (w warming) request(rng *rand.Rand, run string, rate int, strategy, lifetime string, i, number int) results.Data {
	size := 490 + rng.Int64N(31)
	us := int64(w.us(number, rng) * float64(size) / 505)
	r := results.RequestRow{
		Run: run, Benchmark: w.name, Strategy: strategy, Rate: rate, RequestNumber: i, Lifetime: lifetime,
		LineageRequestNumber: number, InputSize: size, ClientUS: us, ServerUS: us * 8 / 10, Status: 200, Tries: 1,
	}
	if w.pypy {
		r.GCUS = new(us / 20)
	}
	return results.Data{
		Requests: []results.RequestRow{r},
		Rows: []results.Row{{
			Run: run, RequestNumber: i, Benchmark: w.name, Mutability: 1, Strategy: strategy, Rate: rate,
			ClientUS: us, ServerUS: r.ServerUS, OverheadUS: us / 10,
		}},
	}
}
