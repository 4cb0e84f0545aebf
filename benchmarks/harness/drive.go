package harness

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptrace"
	"strconv"
	"sync/atomic"
	"time"

	"github.com/pronghorn-faas/pronghorn/benchmarks/results"
)

const (
	// tries is how often a request is sent until it counts as failed.
	tries = 3
	// tryWithin bounds one try.
	tryWithin = 30 * time.Second
	// grace is how much longer a try, and the checkpoint that it sets off, may
	// take after an interruption.
	grace = 2 * time.Second
)

// answer is what the client saw of one try. Times are in µs.
type answer struct {
	// sent is how often the request left; the HTTP client sends one again by
	// itself when the connection that it had kept turns out to be closed.
	sent                                   int
	status                                 int
	clientUS, waitUS, serverUS, overheadUS int64
	inputSize                              int64
	gcUS                                   *int64 // nil = the runtime does not tell
	lifetime                               string
	lineage                                int
}

// target is what answers requests: a worker on this machine, or a function
// behind a gateway.
type target interface {
	// ask sends a request once.
	ask(ctx context.Context, mutability float64) (answer, error)
	// hasEnded reports whether nothing can answer any more, and ended why.
	hasEnded() bool
	ended() error
	// explained adds to an error what the target knows of it.
	explained(err error) error
}

// ask sends a request once. A time without end is cut off, and the end of ctx
// does not cut off one that is about to be answered: what the function has
// served is to be recorded.
func (w *worker) ask(ctx context.Context, mutability float64) (answer, error) {
	return ask(ctx, w.client, serviceURL+"/", mutability, nil)
}

// ask is that of what answers at url, and may leave out some headers.
func ask(ctx context.Context, client *http.Client, url string, mutability float64, optional []string) (answer, error) {
	trying, cancel := outlast(ctx, tryWithin)
	defer cancel()
	var sent atomic.Int32
	trying = httptrace.WithClientTrace(trying, &httptrace.ClientTrace{
		WroteRequest: func(httptrace.WroteRequestInfo) { sent.Add(1) },
	})
	a, err := exchange(trying, client, url+"?mutability="+strconv.FormatFloat(mutability, 'f', -1, 64), optional)
	a.sent = int(sent.Load())
	return a, err
}

// exchange measures from sending the request to having read all of the answer.
func exchange(ctx context.Context, client *http.Client, url string, optional []string) (a answer, err error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return a, err
	}
	begin := time.Now()
	resp, err := client.Do(req)
	if err != nil {
		return a, err
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	a.status, a.clientUS = resp.StatusCode, time.Since(begin).Microseconds()
	if err != nil {
		return a, fmt.Errorf("read the answer: %w", err)
	}
	if a.status != http.StatusOK {
		return a, fmt.Errorf("status %d: %.200s", a.status, body)
	}
	for _, name := range optional {
		if resp.Header.Get(name) == "" {
			resp.Header.Set(name, "0")
		}
	}
	return a, a.read(resp.Header)
}

// read takes the numbers out of the headers of an answer.
func (a *answer) read(h http.Header) error {
	var err error
	number := func(name string) int64 {
		n, bad := strconv.ParseInt(h.Get(name), 10, 64)
		if (bad != nil || n < 0) && err == nil {
			err = fmt.Errorf("header %s: %q: want a whole number of 0 or more", name, h.Get(name))
		}
		return n
	}
	a.lifetime = h.Get("X-Pronghorn-Lifetime")
	a.lineage = int(number("X-Pronghorn-Request-Number"))
	a.waitUS = number("X-Pronghorn-Wait-Us")
	a.serverUS = number("X-Server-Time-Us")
	a.overheadUS = number("X-Client-Overhead-Us")
	a.inputSize = number("X-Input-Size")
	if h.Get("X-Gc-Time-Us") != "" { // where the runtime tells
		a.gcUS = new(number("X-Gc-Time-Us"))
	}
	return err
}

// request sends a request until it is answered, up to three times, with the
// pause between tries. An interruption leaves nothing to record.
func (r *run) request(ctx context.Context, w target) (a answer, sent int, err error) {
	for {
		a, err = w.ask(ctx, r.cfg.Mutability)
		sent += max(1, a.sent) // one that could not leave is a try, too
		switch {
		case err == nil:
			return a, sent, nil
		case ctx.Err() != nil:
			return a, sent, ctx.Err()
		case w.hasEnded():
			return a, sent, w.ended()
		case sent >= tries:
			return a, sent, err
		}
		wait(ctx, time.After(r.cfg.Pause))
	}
}

// record writes the lines of a request.
func (r *run) record(c Configuration, number int, a answer, sent int, failure error) (results.RequestRow, error) {
	request := results.RequestRow{
		Benchmark: c.Function, Strategy: c.Strategy, Rate: c.Rate, RequestNumber: number,
		Lifetime: a.lifetime, LineageRequestNumber: a.lineage, InputSize: a.inputSize,
		ClientUS: a.clientUS, ServerUS: a.serverUS, WaitUS: a.waitUS, Status: a.status, Tries: sent, GCUS: a.gcUS,
	}
	if failure != nil {
		request.Error = failure.Error()
	}
	// The worker's start falls into the artifact's pauses, so the waiting for
	// it is no part of the artifact's latencies.
	row := results.Row{
		RequestNumber: number, Benchmark: c.Function, Mutability: r.cfg.Mutability, Strategy: c.Strategy, Rate: c.Rate,
		ClientUS: max(0, a.clientUS-a.waitUS), ServerUS: a.serverUS, OverheadUS: a.overheadUS,
	}
	return request, r.ledger.addRequest(row, request)
}

// outlast returns a context that ends after limit, or the grace after ctx.
func outlast(ctx context.Context, limit time.Duration) (context.Context, context.CancelFunc) {
	lasting, cancel := context.WithTimeout(context.WithoutCancel(ctx), limit)
	stop := context.AfterFunc(ctx, func() { time.AfterFunc(grace, cancel) })
	return lasting, func() { stop(); cancel() }
}

// wait waits for a timer, or less when ctx ends.
func wait(ctx context.Context, timer <-chan time.Time) {
	select {
	case <-ctx.Done():
	case <-timer:
	}
}
