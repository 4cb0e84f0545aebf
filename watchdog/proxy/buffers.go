package proxy

import "sync"

// bufferSize is the size of the pieces in which bodies are copied, in bytes.
const bufferSize = 32 << 10

// buffers is an httputil.BufferPool.
type buffers struct{ pool sync.Pool }

func newBuffers() *buffers {
	return &buffers{sync.Pool{New: func() any { return new([bufferSize]byte) }}}
}

// Get returns a buffer.
func (b *buffers) Get() []byte {
	array, _ := b.pool.Get().(*[bufferSize]byte)
	return array[:]
}

// Put takes a buffer back.
func (b *buffers) Put(buf []byte) {
	if len(buf) == bufferSize {
		b.pool.Put((*[bufferSize]byte)(buf))
	}
}
