package userfault

import (
	"errors"
	"fmt"

	"golang.org/x/sys/unix"
)

// write writes a region.
func (s *space) write(r Region) error {
	for r.Start < r.End {
		src, err := s.source.Bytes(r.File, r.Offset, r.bytes())
		if err != nil {
			return err
		}
		n, err := write(s.pid, r.Start, src)
		if errors.Is(err, unix.ESRCH) {
			s.gone = true
			return nil
		}
		if err != nil {
			return err
		}
		r = r.Between(r.Start+uint64(n), r.End)
	}
	return nil
}

// write writes into the memory of a process that may be written to by itself,
// and returns how many bytes, at least one unless there is an error. As in fill,
// src is read by the kernel only.
func write(pid int, address uint64, src []byte) (n int, err error) {
	local := []unix.Iovec{{Base: &src[0]}}
	local[0].SetLen(len(src))
	remote := []unix.RemoteIovec{{Base: uintptr(address), Len: len(src)}}
	n, err = unix.ProcessVMWritev(pid, local, remote, 0)
	if err == nil && n == 0 {
		err = unix.EFAULT
	}
	if err != nil {
		return 0, fmt.Errorf("write to the memory of process %d at %#x: %w", pid, address, err)
	}
	return n, nil
}
