package harness

import (
	"context"
	"net"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/pronghorn-faas/pronghorn/benchmarks/results"
)

// good answers as a worker does.
func good(w http.ResponseWriter, _ *http.Request) {
	for name, value := range map[string]string{
		"X-Pronghorn-Lifetime": "life", "X-Pronghorn-Request-Number": "7", "X-Pronghorn-Wait-Us": "1",
		"X-Server-Time-Us": "30", "X-Client-Overhead-Us": "20", "X-Input-Size": "500",
	} {
		w.Header().Set(name, value)
	}
}

func broken(w http.ResponseWriter, _ *http.Request) {
	http.Error(w, "out of order", http.StatusInternalServerError)
}
func aborted(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }
func mute(http.ResponseWriter, *http.Request)    {}

// fakeWorker answers with one handler after the other.
func fakeWorker(t *testing.T, answers ...http.HandlerFunc) *worker {
	t.Helper()
	var sent atomic.Int32
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		answers[sent.Add(1)-1](w, r)
	}))
	t.Cleanup(s.Close)
	dial := func(ctx context.Context, network, _ string) (net.Conn, error) {
		return (&net.Dialer{}).DialContext(ctx, network, s.Listener.Addr().String())
	}
	return &worker{client: &http.Client{Transport: &http.Transport{DialContext: dial}}, done: make(chan struct{})}
}

func TestRequestsAreTriedThreeTimes(t *testing.T) {
	tests := map[string]struct {
		answers []http.HandlerFunc
		want    results.RequestRow
		failure string // part of the error; "" = answered
	}{
		"answered at once":         {[]http.HandlerFunc{good}, results.RequestRow{Status: 200, Tries: 1}, ""},
		"answered at the third":    {[]http.HandlerFunc{broken, aborted, good}, results.RequestRow{Status: 200, Tries: 3}, ""},
		"never answered with 200":  {[]http.HandlerFunc{broken, broken, broken}, results.RequestRow{Status: 500, Tries: 3}, "status 500: out of order"},
		"never answered":           {[]http.HandlerFunc{aborted, aborted, aborted}, results.RequestRow{Status: 0, Tries: 3}, "EOF"},
		"answered without numbers": {[]http.HandlerFunc{mute, mute, mute}, results.RequestRow{Status: 200, Tries: 3}, "header X-Pronghorn-Request-Number"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			set := results.SetOf(filepath.Join(t.TempDir(), "r.csv"))
			l, err := openLedger(set)
			if err != nil {
				t.Fatal(err)
			}
			defer l.close()
			r := &run{cfg: Config{Mutability: 1}, ledger: l}
			a, sent, failure := r.request(t.Context(), fakeWorker(t, tt.answers...))
			got, err := r.record(cell, 0, a, sent, failure)
			if err != nil {
				t.Fatal(err)
			}
			if got.Status != tt.want.Status || got.Tries != tt.want.Tries || got.Failed() != (tt.failure != "") || !strings.Contains(got.Error, tt.failure) {
				t.Errorf("recorded %+v, want status %d after %d tries and error %q", got, tt.want.Status, tt.want.Tries, tt.failure)
			}
			if rows, err := results.Read[results.Row](set.Rows); err != nil || (len(rows) == 1) != (tt.failure == "") {
				t.Errorf("rows %v, error %v: want one for an answered request, none for a failed one", rows, err)
			}
		})
	}
}

func TestWaitingIsNoPartOfTheArtifactsLatency(t *testing.T) {
	set := results.SetOf(filepath.Join(t.TempDir(), "r.csv"))
	l, err := openLedger(set)
	if err != nil {
		t.Fatal(err)
	}
	defer l.close()
	r := &run{cfg: Config{Mutability: 1}, ledger: l}
	a := answer{status: 200, clientUS: 900, waitUS: 600, serverUS: 200, overheadUS: 50, inputSize: 5, lifetime: "life", lineage: 3}
	request, err := r.record(cell, 0, a, 1, nil)
	if err != nil {
		t.Fatal(err)
	}
	rows, err := results.Read[results.Row](set.Rows)
	if err != nil {
		t.Fatal(err)
	}
	want := []results.Row{{Benchmark: cell.Function, Mutability: 1, Strategy: cell.Strategy, Rate: cell.Rate, ClientUS: 300, ServerUS: 200, OverheadUS: 50}}
	if diff := cmp.Diff(want, rows); diff != "" {
		t.Errorf("rows (-want +got):\n%s", diff)
	}
	if request.ClientUS != 900 || request.WaitUS != 600 {
		t.Errorf("recorded %+v, want all 900 µs of which 600 are waiting", request)
	}
}

func TestCollectionTimeIsReadWhereTheRuntimeTells(t *testing.T) {
	for value, want := range map[string]*int64{"": nil, "0": new(int64(0)), "1200": new(int64(1200))} {
		h := http.Header{}
		for _, name := range []string{"X-Pronghorn-Request-Number", "X-Pronghorn-Wait-Us", "X-Server-Time-Us", "X-Client-Overhead-Us", "X-Input-Size"} {
			h.Set(name, "1")
		}
		if value != "" {
			h.Set("X-Gc-Time-Us", value)
		}
		var a answer
		if err := a.read(h); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want, a.gcUS); diff != "" {
			t.Errorf("header %q (-want +got):\n%s", value, diff)
		}
	}
}
