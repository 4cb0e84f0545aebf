package upstream

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strconv"
	"strings"
)

// check refuses requests that cannot be written as HTTP/1.1, since a line break
// in the wrong place would make two requests of one.
func check(req *http.Request) error {
	switch {
	case req.URL == nil:
		return errors.New("request to the function: it has no URL")
	case !isToken(method(req)):
		return fmt.Errorf("request to the function: method %q", req.Method)
	case hasSpaceOrControl(host(req)):
		return fmt.Errorf("request to the function: host %q", host(req))
	case hasSpaceOrControl(req.URL.RawQuery), hasSpaceOrControl(req.URL.Opaque):
		return fmt.Errorf("request to the function: URL %q", req.URL)
	}
	if err := checkHeader(req.Header); err != nil {
		return err
	}
	return checkHeader(req.Trailer)
}

func checkHeader(h http.Header) error {
	for name, values := range h {
		if !isToken(name) {
			return fmt.Errorf("request to the function: header name %q", name)
		}
		if slices.ContainsFunc(values, hasControl) {
			return fmt.Errorf("request to the function: value of header %s", name)
		}
	}
	return nil
}

func method(req *http.Request) string {
	if req.Method == "" {
		return http.MethodGet
	}
	return req.Method
}

func host(req *http.Request) string {
	if req.Host != "" {
		return req.Host
	}
	return req.URL.Host
}

// isToken reports whether s is a token of RFC 9110, section 5.6.2.
func isToken(s string) bool {
	for i := range len(s) {
		c := s[i]
		alphanumeric := '0' <= c && c <= '9' || 'a' <= c|0x20 && c|0x20 <= 'z'
		if !alphanumeric && strings.IndexByte("!#$%&'*+-.^_`|~", c) < 0 {
			return false
		}
	}
	return s != ""
}

func hasControl(s string) bool {
	for i := range len(s) {
		if s[i] < ' ' && s[i] != '\t' || s[i] == 0x7f {
			return true
		}
	}
	return false
}

func hasSpaceOrControl(s string) bool { return hasControl(s) || strings.ContainsAny(s, " \t") }

// framing is how the end of a request's body is told.
type framing struct {
	chunked bool
	length  int64 // unless chunked
	trailer http.Header
}

func framingOf(req *http.Request) framing {
	if !hasBody(req.Body) {
		return framing{}
	}
	if req.ContentLength <= 0 || slices.Contains(req.TransferEncoding, "chunked") || len(req.Trailer) > 0 {
		return framing{chunked: true, trailer: req.Trailer}
	}
	return framing{length: req.ContentLength}
}

func hasBody(body io.ReadCloser) bool { return body != nil && body != http.NoBody }

func closeBody(body io.ReadCloser) {
	if body != nil {
		_ = body.Close() // what was read of it is all that matters
	}
}

// writeHead writes the request up to its body into the buffer. The buffer keeps
// the first error, which its Flush returns.
func writeHead(w *bufio.Writer, req *http.Request, f framing) {
	w.WriteString(method(req))
	w.WriteByte(' ')
	w.WriteString(target(req))
	w.WriteString(" HTTP/1.1\r\n")
	writeField(w, "Host", host(req))
	writeHeader(w, req.Header)
	if req.Close && !wantsClose(req.Header) {
		writeField(w, "Connection", "close")
	}
	writeFraming(w, req, f)
	w.WriteString("\r\n")
}

// target is what stands in the request line.
func target(req *http.Request) string {
	if req.Method == http.MethodConnect && req.URL.Path == "" {
		return host(req)
	}
	return req.URL.RequestURI()
}

func writeHeader(w *bufio.Writer, h http.Header) {
	for name, values := range h {
		if ours(name, values) {
			continue
		}
		for _, v := range values {
			writeField(w, name, v)
		}
	}
}

// ours reports whether a header is written by writeHead itself, or not at all.
// An empty User-Agent is how net/http and httputil say that there is none.
func ours(name string, values []string) bool {
	switch name {
	case "Host", "Content-Length", "Transfer-Encoding", "Trailer":
		return true
	case "User-Agent":
		return len(values) > 0 && values[0] == ""
	case "Expect":
		return len(values) > 0 && strings.EqualFold(values[0], "100-continue")
	}
	return false
}

func writeField(w *bufio.Writer, name, value string) {
	w.WriteString(name)
	w.WriteString(": ")
	w.WriteString(value)
	w.WriteString("\r\n")
}

func writeFraming(w *bufio.Writer, req *http.Request, f framing) {
	switch {
	case f.chunked:
		writeField(w, "Transfer-Encoding", "chunked")
		if len(f.trailer) > 0 {
			writeField(w, "Trailer", strings.Join(trailerNames(f.trailer), ", "))
		}
	case f.length > 0 || usuallyHasBody(req.Method):
		w.WriteString("Content-Length: ")
		w.Write(strconv.AppendInt(w.AvailableBuffer(), f.length, 10))
		w.WriteString("\r\n")
	}
}

func trailerNames(trailer http.Header) []string {
	names := make([]string, 0, len(trailer))
	for name := range trailer {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}

// usuallyHasBody reports whether a server expects to be told that there is no
// body (RFC 9110, section 8.6).
func usuallyHasBody(method string) bool {
	return method == http.MethodPost || method == http.MethodPut || method == http.MethodPatch
}

// wantsClose reports whether a header says "Connection: close".
func wantsClose(h http.Header) bool {
	for _, v := range h["Connection"] {
		for option := range strings.SplitSeq(v, ",") {
			if strings.EqualFold(strings.TrimSpace(option), "close") {
				return true
			}
		}
	}
	return false
}
