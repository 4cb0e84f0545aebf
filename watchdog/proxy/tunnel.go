package proxy

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
)

// writeHalf is the way of a connection that can be closed by itself.
type writeHalf interface {
	io.Writer
	CloseWrite() error
}

// tunnel passes on that the function has switched to another protocol, and
// whatever both sides say in it, until one of them fails or both are done.
func (c *call) tunnel(resp *http.Response) {
	function, ok := resp.Body.(interface {
		io.ReadCloser
		writeHalf
	})
	wanted, got := upgradeOf(c.r.Header), upgradeOf(resp.Header)
	if !ok || !isPrintable(got) || !strings.EqualFold(wanted, got) {
		_ = resp.Body.Close() // there is nobody for it
		c.fail(fmt.Errorf("the function switched to protocol %q, %q was asked for", got, wanted))
		return
	}
	defer function.Close()
	client, buffered, err := http.NewResponseController(c.w).Hijack()
	if err != nil {
		c.fail(fmt.Errorf("switch protocols: %w", err))
		return
	}
	defer client.Close()
	c.done = true
	if c.err = c.switched(buffered.Writer, resp); c.err == nil {
		join(function, buffered.Reader, client)
	}
}

// switched sends the head of the answer.
func (c *call) switched(w *bufio.Writer, resp *http.Response) error {
	c.status, c.length = resp.StatusCode, resp.ContentLength
	c.proxy.mark(c, resp.Header)
	h := c.w.Header()
	add(h, resp.Header)
	head := *resp
	head.Header, head.Body = h, nil
	if err := head.Write(w); err != nil {
		return errors.Join(errGone, err)
	}
	return w.Flush()
}

// join copies both ways. What the client has sent is in said, what it sent
// together with its request first.
func join(function io.ReadWriter, said io.Reader, client io.Writer) {
	ended := make(chan error, 2)
	go func() { ended <- copyHalf(function, said) }()
	go func() { ended <- copyHalf(client, function) }()
	if <-ended == nil {
		<-ended
	}
}

// copyHalf copies one way to its end, and passes that on.
func copyHalf(to io.Writer, from io.Reader) error {
	if _, err := io.Copy(to, from); err != nil {
		return err
	}
	if half, ok := to.(writeHalf); ok {
		return half.CloseWrite()
	}
	return io.EOF // it cannot be passed on but by closing both
}
