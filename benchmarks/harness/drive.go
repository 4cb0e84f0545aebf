package harness

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"time"

	"github.com/pronghorn-faas/pronghorn/benchmarks/results"
)

const (
	// tries is how often a request is sent until it counts as failed.
	tries = 3
	// tryWithin bounds one try.
	tryWithin = 30 * time.Second
	// lastTryWithin is how much longer a try may take after an interruption.
	lastTryWithin = 2 * time.Second
)

// answer is what the client saw of one try. Times are in µs.
type answer struct {
	status                                 int
	clientUS, waitUS, serverUS, overheadUS int64
	inputSize                              int64
	lifetime                               string
	lineage                                int
}

// ask sends a request once. A time without end is cut off, and the end of ctx
// does not cut off one that is about to be answered: what the function has
// served is to be recorded.
func (w *worker) ask(ctx context.Context, mutability float64) (answer, error) {
	trying, cancel := context.WithTimeout(context.WithoutCancel(ctx), tryWithin)
	defer cancel()
	defer context.AfterFunc(ctx, func() { time.AfterFunc(lastTryWithin, cancel) })()
	url := serviceURL + "/?mutability=" + strconv.FormatFloat(mutability, 'f', -1, 64)
	req, err := http.NewRequestWithContext(trying, http.MethodGet, url, nil)
	if err != nil {
		return answer{}, err
	}
	begin := time.Now()
	resp, err := w.client.Do(req)
	if err != nil {
		return answer{}, err
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	a := answer{status: resp.StatusCode, clientUS: time.Since(begin).Microseconds()}
	if err != nil {
		return a, fmt.Errorf("read the answer: %w", err)
	}
	if a.status != http.StatusOK {
		return a, fmt.Errorf("status %d: %.200s", a.status, body)
	}
	return a, a.read(resp.Header)
}

// read takes the numbers out of the headers of an answer.
func (a *answer) read(h http.Header) error {
	var err error
	number := func(name string) int64 {
		n, bad := strconv.ParseInt(h.Get(name), 10, 64)
		if bad != nil && err == nil {
			err = fmt.Errorf("header %s: %q: want a whole number", name, h.Get(name))
		}
		return n
	}
	a.lifetime = h.Get("X-Pronghorn-Lifetime")
	a.lineage = int(number("X-Pronghorn-Request-Number"))
	a.waitUS = number("X-Pronghorn-Wait-Us")
	a.serverUS = number("X-Server-Time-Us")
	a.overheadUS = number("X-Client-Overhead-Us")
	a.inputSize = number("X-Input-Size")
	return err
}

// request sends a request until it is answered, up to three times, with the
// pause between tries. An interruption leaves nothing to record.
func (r *run) request(ctx context.Context, w *worker) (a answer, sent int, err error) {
	for sent = 1; ; sent++ {
		a, err = w.ask(ctx, r.cfg.Mutability)
		switch {
		case err == nil:
			return a, sent, nil
		case ctx.Err() != nil:
			return a, sent, ctx.Err()
		case w.hasEnded():
			return a, sent, w.ended()
		case sent == tries:
			return a, sent, err
		}
		pause(ctx, r.cfg.Pause)
	}
}

// record writes the lines of a request.
func (r *run) record(c Configuration, number int, a answer, sent int, failure error) (results.RequestRow, error) {
	request := results.RequestRow{
		Benchmark: c.Function, Strategy: c.Strategy, Rate: c.Rate, RequestNumber: number,
		Lifetime: a.lifetime, LineageRequestNumber: a.lineage, InputSize: a.inputSize,
		ClientUS: a.clientUS, ServerUS: a.serverUS, WaitUS: a.waitUS, Status: a.status, Tries: sent,
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

// pause waits, or less when ctx ends.
func pause(ctx context.Context, d time.Duration) {
	select {
	case <-ctx.Done():
	case <-time.After(d):
	}
}
