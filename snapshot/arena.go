package snapshot

import (
	"fmt"
	"sync/atomic"

	"golang.org/x/sys/unix"
)

// arena is memory for the frames of an image as they are stored, a place for
// each.
type arena struct {
	memory []byte
	places map[frameID][]byte
}

// newArena reserves a place for each frame; what is not used costs nothing.
func newArena(parts []part) (*arena, error) {
	a := &arena{places: map[frameID][]byte{}}
	var bytes int64
	for _, p := range parts {
		for _, f := range p.frames {
			bytes += f.Bytes
		}
	}
	var err error
	if a.memory, err = reserve(bytes); err != nil {
		return nil, err
	}
	at := int64(0)
	for i := range parts {
		for _, f := range parts[i].frames {
			end := at + f.Bytes
			a.places[frameID{&parts[i], f.N}] = a.memory[at:end:end]
			at = end
		}
	}
	return a, nil
}

func (a *arena) free() error {
	if a == nil || a.memory == nil {
		return nil
	}
	m := a.memory
	a.memory, a.places = nil, nil
	return unix.Munmap(m)
}

// room is memory for the contents of frames, one after the other as they are
// unpacked, so that none of it is made for nothing.
type room struct {
	memory []byte
	used   atomic.Int64
}

// newRoom reserves room for frames that are each unpacked once.
func newRoom(parts []part) (*room, error) {
	var bytes int64
	for _, p := range parts {
		for _, f := range p.frames {
			bytes += f.Raw
		}
	}
	m, err := reserve(bytes)
	return &room{memory: m}, err
}

// take returns the next n bytes.
func (r *room) take(n int64) []byte {
	end := r.used.Add(n)
	return r.memory[end-n : end : end]
}

func (r *room) free() error {
	if r == nil || r.memory == nil {
		return nil
	}
	m := r.memory
	r.memory = nil
	return unix.Munmap(m)
}

// reserve returns memory of zeros, of which only what is touched is made, in
// huge pages where the kernel has them: making small ones takes longer than what
// is put into them. It is not the garbage collector's.
func reserve(bytes int64) ([]byte, error) {
	if bytes == 0 {
		return nil, nil
	}
	m, err := unix.Mmap(-1, 0, int(bytes), unix.PROT_READ|unix.PROT_WRITE, unix.MAP_PRIVATE|unix.MAP_ANONYMOUS|unix.MAP_NORESERVE)
	if err != nil {
		return nil, fmt.Errorf("reserve %d bytes of memory: %w", bytes, err)
	}
	_ = unix.Madvise(m, unix.MADV_HUGEPAGE) // small pages will do
	return m, nil
}
