package proxy

import (
	"errors"
	"io"
	"mime"
	"net"
	"net/http"
	"slices"
	"strings"
)

// early passes on a 1xx answer, whose headers are its own.
func (c *call) early(status int, header http.Header) error {
	h := c.w.Header()
	add(h, header)
	c.w.WriteHeader(status)
	clear(h)
	return nil
}

// answer passes the function's answer on.
func (c *call) answer(resp *http.Response) {
	removeHopByHop(resp.Header)
	c.status, c.length = resp.StatusCode, resp.ContentLength
	c.proxy.mark(c, resp.Header)
	add(c.w.Header(), resp.Header)
	announced := announce(c.w.Header(), resp.Trailer)
	c.leave(resp.ContentLength)
	c.w.WriteHeader(resp.StatusCode)
	if err := c.copy(resp); err != nil {
		_ = resp.Body.Close() // it has been given up
		c.err = err
		panic(http.ErrAbortHandler) // which tells the client that this is not all
	}
	_ = resp.Body.Close() // it was read to its end
	c.trail(resp.Trailer, announced)
}

// announce says which trailers will come and returns how many.
func announce(h, trailer http.Header) int {
	if len(trailer) == 0 {
		return 0
	}
	names := make([]string, 0, len(trailer))
	for name := range trailer {
		names = append(names, name)
	}
	slices.Sort(names)
	h.Add("Trailer", strings.Join(names, ", "))
	return len(names)
}

// trail sends the trailers. Those that nobody announced get a prefix, by which
// the server knows them.
func (c *call) trail(trailer http.Header, announced int) {
	if len(trailer) == 0 {
		return
	}
	c.flush() // the server would give a short answer a length, and no trailer
	prefix := ""
	if len(trailer) != announced {
		prefix = http.TrailerPrefix
	}
	for name, values := range trailer {
		for _, v := range values {
			c.w.Header().Add(prefix+name, v)
		}
	}
}

// copy passes the body on: in large pieces where its length is known, else each
// piece when it comes.
func (c *call) copy(resp *http.Response) error {
	if resp.Body == http.NoBody {
		return nil
	}
	if resp.ContentLength < 0 || isEventStream(resp.Header) {
		return c.copyAtOnce(resp.Body)
	}
	if _, err := io.Copy(c.w, resp.Body); err != nil {
		return ofCopy(err)
	}
	return nil
}

// ofCopy tells the client's end from the function's.
func ofCopy(err error) error {
	var op *net.OpError
	if errors.As(err, &op) && op.Op == "write" {
		return errors.Join(errGone, err)
	}
	return err
}

// isEventStream reports whether an answer is a stream of server-sent events.
func isEventStream(h http.Header) bool {
	value := h.Get("Content-Type")
	if !strings.HasPrefix(strings.ToLower(value), "text/event-stream") {
		return false
	}
	kind, _, _ := mime.ParseMediaType(value)
	return kind == "text/event-stream"
}

// copyAtOnce sends what it has before it waits for more, the head included.
func (c *call) copyAtOnce(body io.Reader) error {
	buf := c.proxy.buffers.Get()
	defer c.proxy.buffers.Put(buf)
	for {
		if !received(body) {
			c.flush()
		}
		n, err := body.Read(buf)
		if n > 0 {
			if _, werr := c.w.Write(buf[:n]); werr != nil {
				return errors.Join(errGone, werr)
			}
		}
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return err
		}
	}
}

// received reports whether more of the body is here already.
func received(body io.Reader) bool {
	b, ok := body.(interface{ Buffered() int })
	return ok && b.Buffered() > 0
}

// flush sends what was written so far. A failure is that of the next write.
func (c *call) flush() { _ = http.NewResponseController(c.w).Flush() }
