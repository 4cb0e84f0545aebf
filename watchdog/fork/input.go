package fork

import (
	"io"
	"os"
	"sync/atomic"
	"time"
)

// input is the body of a request on its way to the stdin of a process.
type input struct {
	body io.Reader
	// bound sets the time until which a Read of body may wait for the client;
	// the zero time = any.
	bound func(time.Time) error
	// ended is set when body was read to its end.
	ended atomic.Bool
	err   error
}

// Read reads the body and remembers how that ended.
func (in *input) Read(p []byte) (int, error) {
	n, err := in.body.Read(p)
	switch err {
	case nil:
	case io.EOF:
		in.ended.Store(true)
	default:
		in.err = err
	}
	return n, err
}

// maxUnused is how much is read of what the process does not want, in bytes.
// Closing the connection on a client that is still sending could cost it the
// answer.
const maxUnused = 256 << 10

// feed writes the body to stdin and closes it. An error is one of the body: a
// process need not read all that it is given.
func (in *input) feed(stdin *os.File) error {
	_, _ = io.Copy(stdin, in)
	_ = stdin.Close()
	if in.err == nil && !in.ended.Load() {
		_, _ = io.CopyN(io.Discard, in, maxUnused)
	}
	if in.err != nil {
		return &bodyError{in.err}
	}
	return nil
}

// patience is how long the end of a request waits for a client that sends a
// body which nobody reads any more.
const patience = 100 * time.Millisecond

// stop ends a feed whose process has ended, and waits for its end.
func (in *input) stop(stdin *os.File, fed <-chan struct{}) {
	_ = stdin.Close()
	select {
	case <-fed:
		return
	default:
	}
	_ = in.bound(time.Now().Add(patience))
	<-fed
	if in.ended.Load() {
		_ = in.bound(time.Time{}) // the connection goes on
	}
}
