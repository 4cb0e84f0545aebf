package proxy_test

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"log"
	"net"
	"net/http/httptest"
	"net/url"
	"strconv"
	"testing"
	"time"

	"github.com/pronghorn-faas/pronghorn/watchdog/access"
	"github.com/pronghorn-faas/pronghorn/watchdog/gate"
	"github.com/pronghorn-faas/pronghorn/watchdog/metrics"
	"github.com/pronghorn-faas/pronghorn/watchdog/proxy"
)

// BenchmarkProxy passes requests through net/http's server, the metrics and
// the proxy to a function, all in this process. Client and function allocate
// next to nothing, so that allocations are the watchdog's: net/http's server
// has its share of them.
func BenchmarkProxy(b *testing.B) {
	for name, size := range map[string]int{"get": 0, "post-1KiB": 1 << 10, "post-1MiB": 1 << 20} {
		b.Run(name, func(b *testing.B) {
			addr := benchmarkedProxy(b, size)
			request := benchmarkedRequest(size)
			b.Run("one", func(b *testing.B) {
				b.ReportAllocs()
				one := dialProxy(b, addr)
				for b.Loop() {
					one.exchange(b, request)
				}
			})
			b.Run("parallel", func(b *testing.B) {
				b.ReportAllocs()
				b.SetParallelism(32)
				b.RunParallel(func(pb *testing.PB) {
					for one := dialProxy(b, addr); pb.Next(); {
						one.exchange(b, request)
					}
				})
			})
		})
	}
}

func benchmarkedRequest(size int) []byte {
	if size == 0 {
		return []byte("GET /path?q=1 HTTP/1.1\r\nHost: function\r\nUser-Agent: bench\r\n\r\n")
	}
	head := fmt.Appendf(nil, "POST /path HTTP/1.1\r\nHost: function\r\nUser-Agent: bench\r\nContent-Length: %d\r\n\r\n", size)
	return append(head, make([]byte, size)...)
}

// benchmarkedProxy is the address of a proxy in front of a function that
// answers every request with size bytes, or two.
func benchmarkedProxy(b *testing.B, size int) string {
	b.Helper()
	answer := fmt.Appendf(nil, "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nDate: Thu, 01 Jan 1970 00:00:00 GMT\r\nContent-Length: %d\r\n\r\n", max(size, 2))
	answer = append(answer, make([]byte, max(size, 2))...)
	m, g := metrics.New(), &gate.Gate{}
	g.Open(gate.Lifetime{ID: "life"}, 0)
	s := proxy.Settings{
		Upstream:    &url.URL{Scheme: "http", Host: rawFunction(b, answer)},
		ExecTimeout: 30 * time.Second, Log: access.Log{Lines: log.New(io.Discard, "", log.LstdFlags)},
	}
	server := httptest.NewUnstartedServer(m.Instrument(proxy.New(s, g, func(gate.Pass, time.Duration, int) {}, m)))
	server.Config.ReadTimeout, server.Config.WriteTimeout = time.Minute, time.Minute
	server.Start()
	b.Cleanup(server.Close)
	return server.Listener.Addr().String()
}

// rawFunction answers every request with the same bytes.
func rawFunction(b *testing.B, answer []byte) string {
	b.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { _ = ln.Close() })
	go func() {
		for {
			conn, err := ln.Accept()
			if err != nil {
				return
			}
			go func() {
				defer conn.Close()
				for in := bufio.NewReaderSize(conn, 64<<10); skipMessage(in) == nil; {
					_, _ = conn.Write(answer)
				}
			}()
		}
	}()
	return ln.Addr().String()
}

// skipMessage reads a message whose length is told by Content-Length.
func skipMessage(in *bufio.Reader) error {
	length := 0
	for {
		line, err := in.ReadSlice('\n')
		if err != nil {
			return err
		}
		if len(line) == 2 {
			break
		}
		if value, ok := bytes.CutPrefix(line, []byte("Content-Length: ")); ok {
			if length, err = strconv.Atoi(string(bytes.TrimSpace(value))); err != nil {
				return err
			}
		}
	}
	_, err := in.Discard(length)
	return err
}

// client is a connection to the proxy.
type client struct {
	conn net.Conn
	in   *bufio.Reader
}

func dialProxy(b *testing.B, addr string) client {
	conn, err := net.Dial("tcp", addr)
	if err != nil {
		b.Error(err)
		return client{}
	}
	b.Cleanup(func() { _ = conn.Close() })
	return client{conn, bufio.NewReaderSize(conn, 64<<10)}
}

func (c client) exchange(b *testing.B, request []byte) {
	if _, err := c.conn.Write(request); err != nil {
		b.Error(err)
		return
	}
	if err := skipMessage(c.in); err != nil {
		b.Error(err)
	}
}
