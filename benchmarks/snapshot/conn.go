package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"time"

	"github.com/pronghorn-faas/pronghorn/internal/sandbox"
)

const (
	// upWithin bounds the start of a worker, answerWithin that of an answer.
	upWithin     = 60 * time.Second
	answerWithin = 60 * time.Second
	// dialPace is the pause between two tries to connect to who starts.
	dialPace = time.Millisecond
)

// conn is a kept connection into a sandbox.
type conn struct {
	net.Conn
	in *bufio.Reader
}

// connect connects as soon as somebody listens at addr.
func connect(ctx context.Context, box *sandbox.Sandbox, addr string) (*conn, error) {
	ctx, cancel := context.WithTimeout(ctx, upWithin)
	defer cancel()
	for {
		c, err := box.Dial(ctx, "tcp", addr)
		if err == nil {
			return &conn{c, bufio.NewReader(c)}, nil
		}
		select {
		case <-time.After(dialPace):
		case <-box.Done():
			return nil, errors.Join(errors.New("the worker has ended"), box.Wait())
		case <-ctx.Done():
			return nil, fmt.Errorf("nobody listens at %s: %w", addr, err)
		}
	}
}

// ask sends a GET and reads the answer, which may be a refusal but no failure.
func (c *conn) ask(path string) error {
	if err := c.SetDeadline(time.Now().Add(answerWithin)); err != nil {
		return err
	}
	if _, err := fmt.Fprintf(c, "GET %s HTTP/1.1\r\nHost: function\r\n\r\n", path); err != nil {
		return err
	}
	resp, err := http.ReadResponse(c.in, nil)
	if err != nil {
		return fmt.Errorf("GET %s: %w", path, err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err == nil && resp.StatusCode >= http.StatusInternalServerError {
		err = fmt.Errorf("GET %s: %s: %.200s", path, resp.Status, body)
	}
	return err
}

// askTimes asks so many times, one after the other.
func (c *conn) askTimes(n int, path string) error {
	for range n {
		if err := c.ask(path); err != nil {
			return err
		}
	}
	return nil
}
