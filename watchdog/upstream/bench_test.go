package upstream_test

import (
	"bytes"
	"io"
	"net/http"
	"testing"

	"github.com/pronghorn-faas/pronghorn/watchdog/upstream"
)

// BenchmarkRoundTrip compares the transport with net/http's, against a server
// in the same process, whose allocations are counted as well. The baseline is
// in the figures of both.
func BenchmarkRoundTrip(b *testing.B) {
	s := serve(b, answering(ok))
	transports := map[string]http.RoundTripper{
		"upstream": upstream.New(upstream.Settings{Addr: s.addr, MaxIdle: 100}),
		"net-http": &http.Transport{MaxIdleConnsPerHost: 100, DisableCompression: true},
	}
	bodies := map[string][]byte{"get": nil, "post-1KiB": make([]byte, 1<<10), "post-1MiB": make([]byte, 1<<20)}
	for body, content := range bodies {
		for name, tr := range transports {
			b.Run(body+"/"+name, func(b *testing.B) { benchmarkExchange(b, tr, s.addr, content) })
			b.Run(body+"/parallel/"+name, func(b *testing.B) {
				b.ReportAllocs()
				b.SetParallelism(32)
				b.RunParallel(func(pb *testing.PB) {
					for pb.Next() {
						benchmarkOne(b, tr, s.addr, content)
					}
				})
			})
		}
	}
}

func benchmarkExchange(b *testing.B, tr http.RoundTripper, addr string, content []byte) {
	b.ReportAllocs()
	for b.Loop() {
		benchmarkOne(b, tr, addr, content)
	}
}

func benchmarkOne(b *testing.B, tr http.RoundTripper, addr string, content []byte) {
	method, body := http.MethodGet, io.Reader(nil)
	if content != nil {
		method, body = http.MethodPost, bytes.NewReader(content)
	}
	req, err := http.NewRequestWithContext(b.Context(), method, "http://"+addr+"/", body)
	if err != nil {
		b.Fatal(err)
	}
	resp, err := tr.RoundTrip(req)
	if err != nil {
		b.Fatal(err)
	}
	_, _ = io.Copy(io.Discard, resp.Body)
	_ = resp.Body.Close()
}
