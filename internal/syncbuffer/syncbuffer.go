// Package syncbuffer has a buffer for several goroutines, in which tests
// collect output.
package syncbuffer

import (
	"bytes"
	"sync"
)

// Buffer is an io.Writer that keeps what is written. The zero Buffer is empty.
type Buffer struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (b *Buffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.Write(p)
}

// String is everything so far.
func (b *Buffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.String()
}
