package upstream

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net/http/httputil"
	"sync"
	"sync/atomic"
	"time"
)

const (
	// bodyBuffer is how much of a request's body is read at once, in bytes.
	bodyBuffer = 32 << 10
	// headPatience is how long the head of a request with a body of known
	// length waits for the beginning of that body. It is nearly always there
	// and then both go out as one segment, which wakes the server only once.
	headPatience = time.Millisecond
)

// sender writes a request's body while its answer is already awaited.
type sender struct {
	exchange *exchange
	framing  framing
	source   io.ReadCloser
	closed   sync.Once

	mu   sync.Mutex // held to use out, since a timer may flush the head
	out  *bufio.Writer
	quit bool // out may belong to the next request

	// ending is set when nothing is left but the last flush.
	ending atomic.Bool
	done   chan struct{}
	ok     atomic.Bool // everything was written
	// failed is why the body could not be read.
	failed atomic.Pointer[error]
}

func newSender(x *exchange, source io.ReadCloser, f framing) *sender {
	return &sender{exchange: x, framing: f, source: source, out: x.conn.out, done: make(chan struct{})}
}

// closing closes the body, once.
func (s *sender) closing() { s.closed.Do(func() { _ = s.source.Close() }) }

// run writes the body. When the body cannot be read to its end the connection
// is closed, which tells the server so. When it cannot be written the
// connection stays: there may be an answer on it.
func (s *sender) run() {
	defer close(s.done)
	defer s.closing()
	buf := s.exchange.transport.buffers.Get().(*[]byte)
	defer s.exchange.transport.buffers.Put(buf)
	if timer := s.flushHead(); timer != nil {
		defer s.stopFlushing(timer)
	}
	s.ok.Store(s.copy(*buf) == nil)
}

// flushHead sends the head: at once if the body's length is unknown, since that
// is the way of those who stream, else soon. It returns what does so.
func (s *sender) flushHead() *time.Timer {
	if s.framing.chunked {
		s.flush()
		return nil
	}
	return time.AfterFunc(headPatience, s.flush)
}

// stopFlushing leaves the writer to the next request.
func (s *sender) stopFlushing(t *time.Timer) {
	t.Stop()
	s.mu.Lock()
	defer s.mu.Unlock()
	s.quit = true
}

func (s *sender) flush() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.quit {
		_ = s.out.Flush() // the buffer keeps the error for the next who writes
	}
}

func (s *sender) copy(buf []byte) error {
	if s.framing.chunked {
		return s.copyChunks(buf)
	}
	return s.copyLength(buf)
}

// copyLength sends as many bytes as the head says.
func (s *sender) copyLength(buf []byte) error {
	for left := s.framing.length; left > 0; {
		n, err := s.source.Read(buf)
		if left -= int64(n); left < 0 {
			return s.fail(fmt.Errorf("it is longer than the %d bytes of its Content-Length", s.framing.length))
		}
		if left > 0 && err != nil {
			return s.fail(short(err, left))
		}
		s.ending.Store(left == 0)
		if err := s.write(buf[:n]); err != nil {
			return err
		}
	}
	return nil
}

func short(err error, left int64) error {
	if errors.Is(err, io.EOF) {
		return fmt.Errorf("%d bytes are missing: %w", left, io.ErrUnexpectedEOF)
	}
	return err
}

func (s *sender) write(p []byte) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if _, err := s.out.Write(p); err != nil {
		return err
	}
	return s.out.Flush()
}

// copyChunks sends what each read returns as a chunk, then the trailer.
func (s *sender) copyChunks(buf []byte) error {
	chunks := httputil.NewChunkedWriter(s.out)
	for {
		n, err := s.source.Read(buf)
		if err != nil && !errors.Is(err, io.EOF) {
			return s.fail(err)
		}
		if werr := s.chunk(chunks, buf[:n], err == nil); werr != nil {
			return werr
		}
		if err != nil {
			return s.endChunks(chunks)
		}
	}
}

// chunk writes a chunk. The last one is flushed together with the end.
func (s *sender) chunk(chunks io.Writer, p []byte, flush bool) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if _, err := chunks.Write(p); err != nil || !flush {
		return err
	}
	return s.out.Flush()
}

func (s *sender) endChunks(chunks io.Closer) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.ending.Store(true)
	if err := chunks.Close(); err != nil {
		return err
	}
	if err := checkHeader(s.framing.trailer); err != nil {
		return s.fail(err) // only known now that the body has been read
	}
	writeHeader(s.out, s.framing.trailer)
	_, _ = s.out.WriteString("\r\n")
	return s.out.Flush()
}

// fail notes why the body ended too early, and tells the server.
func (s *sender) fail(err error) error {
	s.failed.Store(&err)
	s.exchange.conn.close()
	return err
}

// failure is why the body could not be read; nil if it could so far.
func (s *sender) failure() error {
	if err := s.failed.Load(); err != nil {
		return *err
	}
	return nil
}

// finished reports whether everything was written. It waits only if the last
// bytes are being written.
func (s *sender) finished(patience time.Duration) bool {
	if !s.ending.Load() {
		return false
	}
	select {
	case <-s.done:
		return s.ok.Load()
	default:
	}
	select {
	case <-s.done:
	case <-time.After(patience):
	}
	return s.ok.Load()
}

// abandon makes an unfinished sender end: it closes the body, from a goroutine
// of its own because closing some bodies waits for a read that runs.
func (s *sender) abandon() {
	select {
	case <-s.done:
	default:
		go s.closing()
	}
}
