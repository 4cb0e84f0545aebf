package snapshot

import (
	"fmt"
	"sync/atomic"

	"golang.org/x/sys/unix"
)

// arena is memory for what is held for a while, in huge pages where the kernel
// has them: making small ones takes longer than what is put into them. It is not
// the garbage collector's.
type arena struct {
	memory []byte
	used   atomic.Int64
}

// newArena reserves memory; what is not used costs nothing.
func newArena(bytes int64) (*arena, error) {
	if bytes == 0 {
		return &arena{}, nil
	}
	m, err := unix.Mmap(-1, 0, int(bytes), unix.PROT_READ|unix.PROT_WRITE, unix.MAP_PRIVATE|unix.MAP_ANONYMOUS|unix.MAP_NORESERVE)
	if err != nil {
		return nil, fmt.Errorf("reserve %d bytes of memory: %w", bytes, err)
	}
	_ = unix.Madvise(m, unix.MADV_HUGEPAGE) // small pages will do
	return &arena{memory: m}, nil
}

// take returns n bytes: of the arena as long as there are so many.
func (a *arena) take(n int64) []byte {
	end := a.used.Add(n)
	if end > int64(len(a.memory)) {
		return make([]byte, n)
	}
	return a.memory[end-n : end : end]
}

func (a *arena) free() error {
	if a == nil || a.memory == nil {
		return nil
	}
	m := a.memory
	a.memory = nil
	return unix.Munmap(m)
}
