// Package report says what the results of runs mean: a summary for each
// benchmark, eviction rate and strategy, tables of them, the figure of their
// latency distributions, and a page with the figures and tables of the paper.
// docs/results.md explains how each number is computed.
package report

import "fmt"

// Baseline is the strategy that the others are compared with, as in the paper:
// a checkpoint after the first request, from which all workers start.
const Baseline = "fixed&request_to_checkpoint=1"

// Key names a configuration.
type Key struct {
	Benchmark string `json:"benchmark"`
	// Rate is the eviction rate in requests per lifetime.
	Rate     int    `json:"rate"`
	Strategy string `json:"strategy"`
}

func (k Key) String() string {
	return fmt.Sprintf("%s at rate %d with %s", k.Benchmark, k.Rate, k.Strategy)
}

// Summary is what a run says about one configuration. What its files do not
// tell is nil.
type Summary struct {
	Key
	// Runs counts the repetitions that the summary is of.
	Runs int `json:"runs"`
	// Requests counts the requests that were made, Failed those of them that
	// were not answered as they should be. Latencies are of the others.
	Requests int `json:"requests"`
	Failed   int `json:"failed"`
	// Latency is nil if no request was answered.
	Latency *Latency `json:"latency,omitempty"`
	// Change compares the client's median with that of the baseline; nil for
	// the baseline itself and where it was not run.
	Change *Change `json:"change,omitempty"`
	// Normalised is about latencies brought to one input size; nil unless sizes
	// are known and vary.
	Normalised *Adjusted `json:"normalised,omitempty"`
	// WithStart is about what a user feels: the first request of a lifetime takes
	// as long as the start of the worker in addition.
	WithStart *Felt `json:"with_start,omitempty"`
	// WithoutGC is about latencies less the garbage collection in the request.
	WithoutGC *Adjusted  `json:"without_gc,omitempty"`
	Lifetimes *Lifetimes `json:"lifetimes,omitempty"`
}

// Latency is how long requests took, in µs.
type Latency struct {
	// MedianUS, P90US and P99US are of the time that the client waited.
	MedianUS float64 `json:"median_us"`
	P90US    float64 `json:"p90_us"`
	P99US    float64 `json:"p99_us"`
	// ServerMedianUS is of the time that the function says it took.
	ServerMedianUS float64 `json:"server_median_us"`
}

// Adjusted is a median of latencies that were brought to one input size, or
// made up of other parts than those of Latency.
type Adjusted struct {
	// MedianUS is in µs.
	MedianUS float64 `json:"median_us"`
	Change   *Change `json:"change,omitempty"`
}

// Felt is a latency with the starts of the workers, which only the mean shows
// when most requests find a worker that is up.
type Felt struct {
	Adjusted
	// MeanUS is the arithmetic mean in µs, and MeanChange its change.
	MeanUS     float64 `json:"mean_us"`
	MeanChange *Change `json:"mean_change,omitempty"`
}

// Change is by how much a median, or a mean, is below that of the baseline, in percent of
// the latter: positive is faster. Low and High bound it with a confidence of
// 95 %.
type Change struct {
	Percent float64 `json:"percent"`
	Low     float64 `json:"low"`
	High    float64 `json:"high"`
}

// Lifetimes is what became of the lifetimes of a configuration.
type Lifetimes struct {
	Count    int `json:"count"`
	Restored int `json:"restored"`
	// RestoredShare is Restored ÷ Count. The first lifetime of a configuration
	// cannot be restored, and counts: few lifetimes keep the share below 1.
	RestoredShare     float64 `json:"restored_share"`
	CheckpointsDone   int     `json:"checkpoints_done"`
	CheckpointsFailed int     `json:"checkpoints_failed"`
	// StartUpMedianMS is from the beginning of a lifetime until its process
	// accepts connections, in ms.
	StartUpMedianMS float64 `json:"start_up_median_ms"`
	// PauseMedianMS is the time in which a checkpoint held requests, in ms, of
	// the checkpoints that were done; nil if none was.
	PauseMedianMS *float64 `json:"pause_median_ms,omitempty"`
	// BytesDownloaded and BytesUploaded moved between workers and pool.
	BytesDownloaded int64 `json:"bytes_downloaded"`
	BytesUploaded   int64 `json:"bytes_uploaded"`
}
