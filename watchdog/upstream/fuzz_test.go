package upstream_test

import (
	"bufio"
	"context"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"
)

// FuzzAnswer feeds arbitrary bytes to the transport as the server's answer:
// every exchange ends, and leaves no goroutine.
func FuzzAnswer(f *testing.F) {
	for _, answer := range []string{
		"", ok, ok + ok, "HTTP/1.0 200 OK\r\n\r\nuntil the end",
		"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 204 No Content\r\n\r\n",
		"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nTrailer: A\r\n\r\n1\r\nx\r\n0\r\nA: b\r\n\r\n",
		"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: x\r\n\r\nraw",
		"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n", "HTTP/9.9 1 x\r\n\r\n",
	} {
		f.Add([]byte(answer), false)
		f.Add([]byte(answer), true)
	}
	f.Fuzz(func(t *testing.T, answer []byte, withBody bool) {
		s := serve(t, func(conn net.Conn, in *bufio.Reader, _ int) {
			if skipRequest(in) == nil {
				_, _ = conn.Write(answer)
			}
		})
		tr := transport(t, s.addr)
		var body io.Reader
		if withBody {
			body = strings.NewReader("body")
		}
		ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
		defer cancel()
		resp, err := tr.RoundTrip(requestWith(ctx, t, http.MethodPut, body))
		if err == nil {
			_, _ = io.Copy(io.Discard, resp.Body)
			_ = resp.Body.Close()
		}
		tr.CloseIdle()
		if ctx.Err() != nil {
			t.Fatal("the exchange did not end")
		}
		eventually(t, "a goroutine of the package is left", func() bool { return goroutines() == 0 })
	})
}
