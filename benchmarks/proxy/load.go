package main

import (
	"bytes"
	"context"
	"fmt"
	"net"
	"net/http"
	"slices"
	"sync"
	"time"

	"github.com/pronghorn-faas/pronghorn/benchmarks/machine"
)

// load is what is sent: a closed loop on each of a number of connections.
type load struct {
	Connections int    `json:"connections"`
	Body        string `json:"body"`
	request     []byte
}

// loads are the cases that are measured.
func loads() []load {
	small := []byte("GET / HTTP/1.1\r\nHost: function\r\n\r\n")
	large := fmt.Appendf(nil, "POST / HTTP/1.1\r\nHost: function\r\nContent-Type: application/octet-stream\r\nContent-Length: %d\r\n\r\n", megabyte)
	large = append(large, make([]byte, megabyte)...)
	return []load{{1, "small", small}, {64, "small", small}, {1, "1MiB", large}, {64, "1MiB", large}}
}

func (l load) name() string { return fmt.Sprintf("%d/%s", l.Connections, l.Body) }

// warmUp is the part of a round that does not count.
const warmUp = 200 * time.Millisecond

// sample is the outcome of a round.
type sample struct {
	RPS      float64 `json:"rps"`
	P50      float64 `json:"p50_us"`
	P99      float64 `json:"p99_us"`
	Requests int     `json:"requests"`
	Errors   int     `json:"errors"`
	sent     int     // those of the warm-up and at the end included
	// CPU is what the watchdog's process used for a request, warm-up included,
	// and WorkerCPU that with the function's.
	CPU       float64 `json:"cpu_us"`
	WorkerCPU float64 `json:"worker_cpu_us"`
	// LoadIdle is the share of the round in which the CPU of the load was idle,
	// or all CPUs where the load runs on any.
	LoadIdle float64 `json:"load_idle"`
}

// target is where a load is sent.
type target struct {
	connect func(context.Context) (net.Conn, error)
	pid     int // whose CPU time counts; 0 = nobody's
	loadCPU int // where the load runs; below 0 = anywhere
}

// run sends the load for a while.
func (l load) run(ctx context.Context, to target, length time.Duration) (sample, error) {
	before, err := to.use()
	if err != nil {
		return sample{}, err
	}
	s, err := l.send(ctx, to, length)
	if err != nil {
		return s, err
	}
	after, err := to.use()
	each := func(d time.Duration) float64 { return d.Seconds() * 1e6 / float64(max(s.sent, 1)) }
	s.CPU, s.WorkerCPU = each(after.watchdog-before.watchdog), each(after.worker-before.worker)
	s.LoadIdle = after.load.idleSince(before.load)
	return s, err
}

// use is what has been used so far.
type use struct {
	watchdog, worker time.Duration
	load             cpuTimes
}

func (to target) use() (u use, err error) {
	if u.load, err = readCPU(to.loadCPU); err != nil || to.pid == 0 {
		return u, err
	}
	if u.watchdog, err = machine.CPUTime(to.pid); err != nil {
		return u, err
	}
	u.worker, err = machine.NamespaceCPUTime(to.pid)
	return u, err
}

func (l load) send(ctx context.Context, to target, length time.Duration) (sample, error) {
	conns := make([]net.Conn, l.Connections)
	for i := range conns {
		conn, err := to.connect(ctx)
		if err != nil {
			return sample{}, err
		}
		defer conn.Close()
		conns[i] = conn
	}
	loops := make([]loop, len(conns))
	begin := time.Now().Add(warmUp)
	var all sync.WaitGroup
	for i, conn := range conns {
		loops[i] = loop{load: l, conn: conn, begin: begin, end: begin.Add(length)}
		all.Go(func() { loops[i].run(ctx) })
	}
	all.Wait()
	return summarize(loops, length), ctx.Err()
}

// loop is what one connection does.
type loop struct {
	load
	conn       net.Conn
	begin, end time.Time

	took []time.Duration // of those answered between begin and end
	sent int
	err  error
}

// run sends requests one after the other.
func (l *loop) run(ctx context.Context) {
	if l.err = l.conn.SetDeadline(l.end.Add(30 * time.Second)); l.err != nil {
		return
	}
	in := newAnswers(l.conn)
	for ctx.Err() == nil {
		sent := time.Now()
		if l.err = l.one(l.conn, in); l.err != nil {
			return
		}
		l.sent++
		now := time.Now()
		if now.After(l.end) {
			return
		}
		if now.After(l.begin) {
			l.took = append(l.took, now.Sub(sent))
		}
	}
}

// one sends a request and reads its answer.
func (l load) one(conn net.Conn, in answers) error {
	if _, err := conn.Write(l.request); err != nil {
		return err
	}
	status, n, err := in.read()
	if err == nil && (status != http.StatusOK || n != l.answerLength()) {
		err = fmt.Errorf("answer %d with %d bytes", status, n)
	}
	return err
}

func (l load) answerLength() int64 {
	if bytes.HasPrefix(l.request, []byte("POST")) {
		return megabyte
	}
	return int64(len("ok"))
}

func summarize(loops []loop, length time.Duration) sample {
	var s sample
	var took []time.Duration
	for _, l := range loops {
		took = append(took, l.took...)
		s.sent += l.sent
		if l.err != nil {
			s.Errors++ // its connection sent nothing after that
		}
	}
	slices.Sort(took)
	s.Requests, s.RPS = len(took), float64(len(took))/length.Seconds()
	s.P50, s.P99 = quantile(took, 0.5), quantile(took, 0.99)
	return s
}

// quantile is that of sorted durations, in microseconds; 0 of none.
func quantile(sorted []time.Duration, q float64) float64 {
	if len(sorted) == 0 {
		return 0
	}
	at := int(q * float64(len(sorted)-1))
	return float64(sorted[at].Nanoseconds()) / 1e3
}
