package server

import (
	"encoding/json"
	"errors"
	"fmt"
	"sync/atomic"
	"testing"

	"github.com/pronghorn-faas/pronghorn/internal/httpx"
	"github.com/pronghorn-faas/pronghorn/kvstore"
	"github.com/pronghorn-faas/pronghorn/kvstore/storetest"
)

// BenchmarkReports compares, over the same service, 64 workers that report
// samples with 64 that compare and set the whole state for each, as the
// artifact's agents do. The ratio of samples/s is what the change is worth.
func BenchmarkReports(b *testing.B) {
	for name, open := range map[string]func(b *testing.B) kvstore.Store{
		"file":  func(b *testing.B) kvstore.Store { return fileStore(b) },
		"redis": func(b *testing.B) kvstore.Store { return openStore(b, storetest.StartRedis(b).URL(0)) },
	} {
		b.Run("samples/"+name, func(b *testing.B) {
			storetest.BenchAddSamples(b, newClient(b, serve(b, open(b), httpx.Auth{}), ""))
		})
		b.Run("whole-state/"+name, func(b *testing.B) {
			benchWholeState(b, newClient(b, serve(b, open(b), httpx.Auth{}), ""))
		})
	}
}

// tries is after how many lost writes the artifact's agent gives up.
const tries = 3

func benchWholeState(b *testing.B, s kvstore.Store) {
	var attempts, lost atomic.Int64
	storetest.Parallel(b, func(more func() bool) error {
		for n := 0; more(); n++ {
			took, err := setWholeState(b, s, n%100)
			if err != nil {
				return err
			}
			attempts.Add(int64(took))
			if took > tries {
				lost.Add(1)
			}
		}
		return nil
	})
	b.ReportMetric(float64(attempts.Load())/float64(b.N), "tries/sample")
	b.ReportMetric(100*float64(lost.Load())/float64(b.N), "%lost-after-3-tries")
}

// setWholeState reads the state, puts a sample into it and writes it, until
// nobody came in between.
func setWholeState(b *testing.B, s kvstore.Store, slot int) (took int, err error) {
	for took = 1; ; took++ {
		doc, err := s.ReadDocument(b.Context(), "bench")
		if err != nil && !errors.Is(err, kvstore.ErrNotFound) {
			return took, err
		}
		data, err := changed(doc.Data, slot)
		if err != nil {
			return took, err
		}
		_, ok, err := s.WriteDocument(b.Context(), "bench", doc.Count, data)
		if ok || err != nil {
			return took, err
		}
	}
}

func changed(data []byte, slot int) ([]byte, error) {
	st := kvstore.State{LatenciesUS: make([]float64, 100)}
	for i := range 12 {
		st.Pool = append(st.Pool, kvstore.Entry{ID: fmt.Sprintf("%0128x", i), RequestNumber: i})
	}
	if data != nil {
		if err := json.Unmarshal(data, &st); err != nil {
			return nil, err
		}
	}
	st.LatenciesUS[slot] = 0.5*1000 + 0.5*st.LatenciesUS[slot]
	return json.Marshal(st)
}
