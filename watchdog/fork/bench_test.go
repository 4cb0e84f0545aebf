package fork_test

import (
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/pronghorn-faas/pronghorn/watchdog/fork"
)

// BenchmarkStreaming is the cost of a request, most of it that of a process.
func BenchmarkStreaming(b *testing.B) { benchmark(b, fork.Streaming) }

func BenchmarkSerializing(b *testing.B) { benchmark(b, fork.Serializing) }

func benchmark(b *testing.B, m mode) {
	for name, tc := range map[string]struct {
		program string
		body    int
	}{
		"true": {"/bin/true", 0}, "cat": {"/bin/cat", 1 << 10}, "cat 1MB": {"/bin/cat", 1 << 20},
	} {
		b.Run(name, func(b *testing.B) {
			f := start(b, m, "", command(tc.program))
			body := strings.Repeat("x", tc.body)
			b.SetBytes(int64(tc.body))
			b.ReportAllocs()
			for b.Loop() {
				resp, err := http.Post(f.url, "", strings.NewReader(body))
				if err != nil {
					b.Fatal(err)
				}
				if n, err := io.Copy(io.Discard, resp.Body); int(n) != tc.body || err != nil {
					b.Fatalf("%d bytes, %v", n, err)
				}
				_ = resp.Body.Close()
			}
		})
	}
}
