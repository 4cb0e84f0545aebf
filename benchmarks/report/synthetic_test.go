package report_test

import (
	"fmt"
	"math"
	"math/rand/v2"

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
	var configs []config
	for i, name := range benchmarks {
		base := 8e3 * math.Pow(2.2, float64(i))
		for _, rate := range []int{1, 4, 20} {
			gain := 1 - 0.1*math.Log(float64(rate)+1)
			configs = append(configs,
				config{benchmark: name, rate: rate, strategy: cold, requests: 500, medianUS: base * 1.5, spread: 0.25},
				config{benchmark: name, rate: rate, strategy: report.Baseline, requests: 500, medianUS: base, spread: 0.2},
				config{benchmark: name, rate: rate, strategy: request, requests: 500, medianUS: base * (1 - 0.4*gain), spread: 0.3},
				config{benchmark: name, rate: rate, strategy: "adaptive", requests: 500, medianUS: base * (1 - 0.55*gain), spread: 0.2})
		}
	}
	return synthetic(seed, configs...)
}
