package proxy

import (
	"errors"
	"net/http"
	"strconv"
	"time"

	"github.com/pronghorn-faas/pronghorn/watchdog/access"
	"github.com/pronghorn-faas/pronghorn/watchdog/gate"
)

// call is one request on its way to the function and back.
type call struct {
	proxy *Proxy
	w     http.ResponseWriter
	r     *http.Request // as the client sent it
	from  *sentBody     // its body; nil = none
	out   http.Request  // as the function gets it
	body  *sentBody     // its body, the same unless it was buffered; nil = none
	done  bool          // nothing more has to be done about the client's body

	start    time.Time
	deadline time.Time // zero = none
	wait     waiting   // for the gate

	// Of the try that was answered, or of the last one: its right to be at the
	// function, how long all of them waited for it, and when it began.
	pass   gate.Pass
	waited time.Duration
	sent   time.Time

	// How it was answered, for the log.
	status int
	length int64
	err    error
}

func newCall(p *Proxy, w http.ResponseWriter, r *http.Request) *call {
	c := &call{proxy: p, w: w, r: r, start: time.Now()}
	if limit := p.limit(r); limit > 0 {
		c.deadline = c.start.Add(limit)
	}
	if r.ContentLength != 0 && r.Body != nil && r.Body != http.NoBody {
		c.from = &sentBody{ReadCloser: r.Body}
		c.body = c.from
	}
	return c
}

// run does all but the last for the request.
func (c *call) run() {
	defer c.end() // also when the answer is cut, which is a panic
	err := c.buffer()
	if err == nil {
		err = c.prepare()
	}
	if err != nil {
		c.fail(err)
		return
	}
	if c.from.unread() {
		// Otherwise the server would throw away what is left of the request's
		// body when the answer begins. HTTP/2 is so by itself, and says it cannot.
		_ = http.NewResponseController(c.w).EnableFullDuplex()
	}
	c.serve()
}

// serve has the function answer the request.
func (c *call) serve() {
	resp, err := c.send()
	switch {
	case err != nil:
		c.fail(err)
	case resp.StatusCode == http.StatusSwitchingProtocols:
		c.tunnel(resp)
	default:
		c.answer(resp)
	}
}

// end is when nothing more is done for the request. The function may still
// have a goroutine that reads the body: it must not, any more.
func (c *call) end() {
	c.body.end()
	c.proxy.settings.Log.Add(c.r, access.Request{
		Code: c.status, Phrase: true, Length: c.length, Took: time.Since(c.start), Err: c.reason(c.err),
	})
}

// fail answers a request that the function could not.
func (c *call) fail(err error) {
	c.status, c.length, c.err = c.statusOf(err), 0, err
	h := c.w.Header()
	h.Set("X-Duration-Seconds", c.elapsed())
	h.Set("X-OpenFaaS-Internal", "of-watchdog")
	h.Set("Content-Length", "0")
	if errors.As(err, new(*bodyError)) {
		c.close() // what is left of it cannot be told from the next request
	}
	c.w.WriteHeader(c.status)
}

// elapsed is the time since the request came in, in seconds with 6 decimals.
func (c *call) elapsed() string {
	var room [24]byte
	return string(strconv.AppendFloat(room[:0], time.Since(c.start).Seconds(), 'f', 6, 64))
}
