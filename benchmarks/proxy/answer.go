package main

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"net/http"
	"strconv"
)

// readSize is how much of an answer is read at once.
const readSize = 64 << 10

// answers reads the answers of one connection. net/http's reader takes as much
// CPU for a small answer as a watchdog does for passing it on, and the load
// would be what is measured; this one reads what both watchdogs send, a status,
// headers and a body of known length, and leaves the rest to net/http.
type answers struct {
	in *bufio.Reader
}

func newAnswers(conn io.Reader) answers { return answers{bufio.NewReaderSize(conn, readSize)} }

// read reads one answer and gives its status and the length of its body.
func (a answers) read() (status int, length int64, err error) {
	head, err := a.head()
	if err != nil {
		return 0, 0, err
	}
	length, known := contentLength(head)
	if !known {
		return a.readAny()
	}
	if status, err = statusOf(head); err != nil {
		return 0, 0, err
	}
	if _, err = a.in.Discard(len(head)); err != nil {
		return 0, 0, err
	}
	n, err := a.in.Discard(int(length))
	return status, int64(n), err
}

// readAny reads an answer of any form, a chunked one for instance.
func (a answers) readAny() (int, int64, error) {
	resp, err := http.ReadResponse(a.in, nil)
	if err != nil {
		return 0, 0, err
	}
	n, err := io.Copy(io.Discard, resp.Body)
	return resp.StatusCode, n, err
}

// endOfHead is what stands between the headers and the body.
var endOfHead = []byte("\r\n\r\n")

// head waits until the status and all headers are in the buffer and gives them
// without consuming them.
func (a answers) head() ([]byte, error) {
	for want := 1; ; {
		if _, err := a.in.Peek(want); err != nil {
			return nil, fmt.Errorf("read an answer's headers: %w", err)
		}
		got, _ := a.in.Peek(a.in.Buffered())
		if end := bytes.Index(got, endOfHead); end >= 0 {
			return got[:end+len(endOfHead)], nil
		}
		want = len(got) + 1
	}
}

// statusOf is the number in "HTTP/1.1 200 OK".
func statusOf(head []byte) (int, error) {
	line, _, _ := bytes.Cut(head, []byte("\r\n"))
	_, rest, _ := bytes.Cut(line, []byte(" "))
	number, _, _ := bytes.Cut(rest, []byte(" "))
	status, err := strconv.Atoi(string(number))
	if err != nil || !bytes.HasPrefix(line, []byte("HTTP/1.")) {
		return 0, fmt.Errorf("status line %q: want HTTP/1.1 and a number", line)
	}
	return status, nil
}

// contentLength finds the header of that name, as net/http and the watchdogs write it.
func contentLength(head []byte) (int64, bool) {
	_, rest, found := bytes.Cut(head, []byte("\r\nContent-Length: "))
	if !found {
		return 0, false
	}
	number, _, _ := bytes.Cut(rest, []byte("\r\n"))
	length, err := strconv.ParseInt(string(number), 10, 32)
	return length, err == nil && length >= 0
}
