package upstream

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"sync/atomic"
	"time"
)

// lastFlush is how long the end of an exchange waits for the request's last
// bytes to be handed to the kernel. A server that has answered has usually read
// them, so that only the writing goroutine has yet to be told.
const lastFlush = 50 * time.Millisecond

// exchange is one request and its answer on a connection.
type exchange struct {
	transport *Transport
	conn      *conn
	req       *http.Request
	limits    limits
	options   Options
	sender    *sender // nil if the request has no body
	status    int     // of the answer, once there is one
	// stop ends the watch over the request's context, and reports whether it
	// left the connection alone.
	stop     func() bool
	over     atomic.Bool
	reported atomic.Bool
	// keep is set when the server will read another request on the connection.
	keep bool
}

func newExchange(t *Transport, c *conn, req *http.Request, l limits, o Options) *exchange {
	return &exchange{transport: t, conn: c, req: req, limits: l, options: o}
}

// run sends the request with the body and reads the answer's head.
func (x *exchange) run(body io.ReadCloser) (*http.Response, error) {
	x.conn.begin(x.transport.settings.MaxHeaderBytes)
	x.stop = context.AfterFunc(x.limits.ctx, x.conn.interrupt)
	writing := x.send(body)
	resp, err := x.receive()
	if err == nil {
		err = x.attach(resp)
	}
	if err != nil {
		x.end(false)
		return nil, x.explain(err, writing)
	}
	return resp, nil
}

// send writes a request without a body, or starts to write one with. A failure
// is no reason to give up: the server may have answered before it closed the
// connection. If it has not, reading will fail as well.
func (x *exchange) send(body io.ReadCloser) error {
	f := framingOf(x.req)
	writeHead(x.conn.out, x.req, f)
	if hasBody(body) {
		x.sender = newSender(x, body, f)
		go x.sender.run()
		return nil
	}
	closeBody(body)
	return x.conn.out.Flush()
}

// receive reads answers until one that is not preliminary.
func (x *exchange) receive() (*http.Response, error) {
	for {
		resp, err := http.ReadResponse(x.conn.in, x.req)
		if err != nil {
			return nil, err
		}
		if resp.ProtoMajor != 1 || resp.StatusCode < 100 {
			return nil, fmt.Errorf("malformed answer: %s %s", resp.Proto, resp.Status)
		}
		if resp.StatusCode >= 200 || resp.StatusCode == http.StatusSwitchingProtocols {
			return resp, nil
		}
		if x.options.Early == nil {
			continue
		}
		if err := x.options.Early(resp.StatusCode, resp.Header); err != nil {
			return nil, err
		}
	}
}

// attach makes the answer's body end the exchange.
func (x *exchange) attach(resp *http.Response) error {
	switching := resp.StatusCode == http.StatusSwitchingProtocols
	if switching && !x.sent() {
		return errors.New("malformed answer: the protocol was switched before the end of the request")
	}
	x.conn.headLeft = -1
	x.keep = !resp.Close && !x.req.Close && !wantsClose(x.req.Header)
	x.status = resp.StatusCode
	switch {
	case switching:
		resp.Body = &tunnel{x}
	case resp.Body == http.NoBody:
		x.end(x.keep)
	default:
		resp.Body = &body{exchange: x, ReadCloser: resp.Body, left: resp.ContentLength}
	}
	return nil
}

// end lets go of the connection, once. It is kept if the answer was read to its
// end, nothing is left of the request, and nothing came after the answer.
func (x *exchange) end(complete bool) {
	if !x.over.CompareAndSwap(false, true) {
		return
	}
	defer x.report()
	undisturbed := x.stop()
	if complete && undisturbed && x.sent() && x.conn.in.Buffered() == 0 {
		x.transport.put(x.conn)
		return
	}
	x.conn.close()
	if x.sender != nil {
		x.sender.abandon()
	}
}

// report says that the answer is over, if there was one.
func (x *exchange) report() {
	if x.status != 0 && x.options.Done != nil && x.reported.CompareAndSwap(false, true) {
		x.options.Done(x.status)
	}
}

// sent reports whether the whole request has been written.
func (x *exchange) sent() bool { return x.sender == nil || x.sender.finished(lastFlush) }

// repeatable reports whether the request may be sent again after a failure. The
// connection was an old one and no byte of an answer came, so that most likely
// the server closed it before it saw the request. In case it did see it, the
// method must be idempotent (RFC 9110, section 9.2.2: a proxy must not repeat
// others), unless not a byte was sent. A body must be there again, in GetBody:
// what was read of the first is gone.
func (x *exchange) repeatable() bool {
	if !x.conn.reused || x.conn.received || x.limits.exceeded() != nil {
		return false
	}
	if x.sender != nil {
		return x.req.GetBody != nil && Idempotent(x.req.Method)
	}
	return Idempotent(x.req.Method) || !x.conn.sent
}

// Idempotent reports whether a request with this method may be repeated (RFC
// 9110, section 9.2.2). The empty method is GET.
func Idempotent(method string) bool {
	switch method {
	case "", http.MethodGet, http.MethodHead, http.MethodOptions, http.MethodTrace, http.MethodPut, http.MethodDelete:
		return true
	}
	return false
}

// explain finds the cause of a failure: the context and the request's body
// close the connection, which is then all that reading it sees.
func (x *exchange) explain(err, writing error) error {
	if exceeded := x.limits.exceeded(); exceeded != nil {
		return exceeded
	}
	if x.sender != nil {
		if failure := x.sender.failure(); failure != nil {
			return fmt.Errorf("read the request's body: %w", failure)
		}
	}
	switch {
	case x.conn.headLeft == 0:
		err = ErrHeaderTooLarge // what was cut off may look malformed instead
	case errors.Is(err, io.ErrUnexpectedEOF) && !x.conn.received:
		err = errors.New("the function closed the connection without an answer")
	}
	if writing != nil {
		err = errors.Join(err, writing)
	}
	return fmt.Errorf("request to the function: %w", err)
}
