package proxy_test

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"testing"
)

// recorder is a function that notes the requests that it gets. It reads them by
// itself, and takes nothing that two readers could understand differently.
type recorder struct {
	addr string
	ln   net.Listener
	all  sync.WaitGroup

	mu        sync.Mutex
	got       []request
	malformed []error
}

func startRecorder(t *testing.T) *recorder {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	r := &recorder{ln: ln, addr: ln.Addr().String()}
	r.all.Go(func() {
		for {
			conn, err := ln.Accept()
			if err != nil {
				return
			}
			r.all.Go(func() {
				defer conn.Close()
				r.serve(conn)
			})
		}
	})
	return r
}

// close waits until all connections have ended. Whoever holds the other ends
// must have closed them.
func (r *recorder) close() {
	_ = r.ln.Close()
	r.all.Wait()
}

// serve answers requests until the connection ends, within one or not.
func (r *recorder) serve(conn net.Conn) {
	for in := bufio.NewReader(conn); ; {
		req, err := readStrictly(in)
		cut := errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) || errors.As(err, new(*net.OpError))
		if cut {
			return
		}
		r.note(req, err)
		if err != nil {
			return
		}
		answer := "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
		if req.method == http.MethodHead {
			answer = strings.TrimSuffix(answer, "ok")
		}
		if _, err := io.WriteString(conn, answer); err != nil {
			return
		}
	}
}

func (r *recorder) note(req request, err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if err != nil {
		r.malformed = append(r.malformed, err)
		return
	}
	r.got = append(r.got, req)
}

// readStrictly reads a request.
func readStrictly(in *bufio.Reader) (request, error) {
	first, err := readLine(in)
	if err != nil {
		return request{}, err
	}
	words := strings.Split(first, " ")
	if len(words) != 3 || words[0] == "" || words[1] == "" || words[2] != "HTTP/1.1" {
		return request{}, fmt.Errorf("request line %q", first)
	}
	r := request{method: words[0], target: words[1]}
	if r.header, err = readFields(in); err != nil {
		return request{}, err
	}
	hosts := r.header["Host"]
	if len(hosts) != 1 {
		return request{}, fmt.Errorf("hosts %q", hosts)
	}
	r.host = hosts[0]
	delete(r.header, "Host")
	return r, r.readBody(in)
}

// readLine reads a line without its end. A line break that is not one to every
// reader, and control characters, are errors.
func readLine(in *bufio.Reader) (string, error) {
	line, err := in.ReadString('\n')
	if err != nil {
		return "", err
	}
	line, ok := strings.CutSuffix(line, "\r\n")
	if !ok || strings.ContainsFunc(line, func(c rune) bool { return c < ' ' && c != '\t' || c == 0x7f }) {
		return "", fmt.Errorf("line %q", line)
	}
	return line, nil
}

func readFields(in *bufio.Reader) (http.Header, error) {
	h := http.Header{}
	for {
		line, err := readLine(in)
		if err != nil || line == "" {
			return h, err
		}
		name, value, ok := strings.Cut(line, ": ")
		if !ok || name == "" || strings.ContainsAny(name, " \t:\"(),/;<=>?@[\\]{}") {
			return nil, fmt.Errorf("header line %q", line)
		}
		h.Add(name, value)
	}
}

// readBody reads the body by what says its length, of which there may be one.
func (r *request) readBody(in *bufio.Reader) error {
	lengths, codings := r.header["Content-Length"], r.header["Transfer-Encoding"]
	announced := r.header["Trailer"]
	delete(r.header, "Content-Length")
	delete(r.header, "Transfer-Encoding")
	delete(r.header, "Trailer")
	switch {
	case len(lengths)+len(codings) > 1 || len(codings) == 0 && len(announced) > 0:
		return fmt.Errorf("lengths %q, codings %q, trailers %q", lengths, codings, announced)
	case len(codings) == 1 && codings[0] == "chunked":
		return r.readChunks(in)
	case len(codings) == 1:
		return fmt.Errorf("coding %q", codings[0])
	case len(lengths) == 1:
		return r.readLength(in, lengths[0], 10)
	}
	return nil
}

func (r *request) readLength(in *bufio.Reader, digits string, base int) error {
	n, err := strconv.ParseUint(digits, base, 31)
	if err != nil {
		return fmt.Errorf("length %q: %w", digits, err)
	}
	piece := make([]byte, n)
	if _, err := io.ReadFull(in, piece); err != nil {
		return err
	}
	r.body += string(piece)
	return nil
}

func (r *request) readChunks(in *bufio.Reader) error {
	for {
		size, err := readLine(in)
		if err != nil {
			return err
		}
		if size == "0" {
			r.trailer, err = readFields(in)
			return err
		}
		if err := r.readLength(in, size, 16); err != nil {
			return err
		}
		if end, err := readLine(in); err != nil || end != "" {
			return errors.Join(err, fmt.Errorf("chunk goes on with %q", end))
		}
	}
}
