package fork

import (
	"io"
	"os"
	"sync/atomic"
)

// input is the body of a request on its way to the stdin of a process.
type input struct {
	body io.Reader
	// unblock ends a Read of body that waits for the client.
	unblock func()
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

// feed writes the body to stdin and closes it. An error is one of the body: a
// process need not read all that it is given.
func (in *input) feed(stdin *os.File) error {
	_, _ = io.Copy(stdin, in)
	_ = stdin.Close()
	if in.err != nil {
		return &bodyError{in.err}
	}
	return nil
}

// stop ends a feed whose process has ended, and waits for its end.
func (in *input) stop(stdin *os.File, fed <-chan struct{}) {
	_ = stdin.Close() // ends a Write
	select {
	case <-fed:
		return
	default:
	}
	if !in.ended.Load() {
		in.unblock()
	}
	<-fed
}
