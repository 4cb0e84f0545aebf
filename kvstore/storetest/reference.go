package storetest

import (
	"strconv"

	"github.com/pronghorn-faas/pronghorn/kvstore"
)

// Reference is the latency table of one function in the plainest words, to
// compare stores with: a slice of numbers and a set of what was seen.
type Reference struct {
	Params    kvstore.Params
	Latencies []float64
	Samples   int64
	seen      map[string]bool
}

// NewReference returns a table with the default parameters.
func NewReference() *Reference {
	p := kvstore.DefaultParams()
	return &Reference{Params: p, Latencies: make([]float64, p.MaxRequests), seen: map[string]bool{}}
}

// Add applies a batch as kvstore.Store.AddSamples must.
func (r *Reference) Add(b kvstore.Batch) (res kvstore.BatchResult) {
	for _, s := range b.Samples {
		key := b.Lifetime + " " + strconv.Itoa(s.RequestNumber)
		if s.RequestNumber > len(r.Latencies) {
			res.Ignored++
			continue
		}
		if r.seen[key] {
			res.Duplicates++
			continue
		}
		r.seen[key] = true
		r.update(s.RequestNumber-1, s.LatencyUS)
		res.Applied++
	}
	r.Samples += int64(res.Applied)
	return res
}

func (r *Reference) update(i int, latency float64) {
	if r.Latencies[i] == 0 {
		r.Latencies[i] = latency
	} else {
		fresh := r.Params.Epsilon * latency
		kept := (1 - r.Params.Epsilon) * r.Latencies[i]
		r.Latencies[i] = float64(fresh) + float64(kept)
	}
	last := len(r.Latencies) - 1
	r.Latencies[last] = r.Latencies[last-1]
}

// Set changes the parameters as kvstore.Store.SetParams must.
func (r *Reference) Set(p kvstore.Params) {
	slots := make([]float64, p.MaxRequests)
	copy(slots, r.Latencies)
	r.Params, r.Latencies = p, slots
}
