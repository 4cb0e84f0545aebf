package userfault

import (
	"errors"
	"fmt"
	"unsafe"

	"golang.org/x/sys/unix"
)

// adviceCollapse is MADV_COLLAPSE, which golang.org/x/sys does not have.
const adviceCollapse = 25

// noBytes are the contents of memory that has none.
var noBytes [16 * PageSize]byte

// MayCollapse reports whether the caller may give other processes huge pages,
// which takes the capability SYS_NICE. The kernel may still have none.
func MayCollapse() bool {
	header := unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3}
	var sets [2]unix.CapUserData
	return unix.Capget(&header, &sets[0]) == nil && sets[0].Effective&(1<<unix.CAP_SYS_NICE) != 0
}

// fillHuge fills the next HugeSize bytes, pages without contents too, and makes a
// huge page of them: the process then has one page fault less for each small one
// where the kernel, or what it runs on, counts its first touch as such. All
// contents are right before, so that it does not matter if there is none.
func (s *space) fillHuge() error {
	start := s.huge[0]
	s.huge = s.huge[1:]
	at := start
	for _, part := range s.pending.within(Region{Start: start, End: start + HugeSize}) {
		s.fillZeros(at, part.Start)
		if err := s.copy(part); err != nil {
			return err
		}
		at = part.End
	}
	s.fillZeros(at, start+HugeSize)
	if err := collapse(s.pid, start); errors.Is(err, unix.EPERM) {
		s.huge = nil // nor will it be allowed later
	}
	return nil
}

// fillZeros makes pages of zeros. Where it cannot there are pages already, or the
// process gets them when it touches them, as ever.
func (s *space) fillZeros(start, end uint64) {
	for start < end {
		n, err := fill(s.fd, start, noBytes[:min(end-start, uint64(len(noBytes)))])
		if start += uint64(n); err != nil {
			start += PageSize
		}
	}
}

// collapse asks the kernel to put HugeSize bytes of a process into a huge page.
func collapse(pid int, start uint64) error {
	fd, err := unix.PidfdOpen(pid, 0)
	if err != nil {
		return fmt.Errorf("process %d: %w", pid, err)
	}
	defer unix.Close(fd)
	area := unix.RemoteIovec{Base: uintptr(start), Len: HugeSize}
	_, _, errno := unix.Syscall6(unix.SYS_PROCESS_MADVISE, uintptr(fd), uintptr(unsafe.Pointer(&area)), 1, adviceCollapse, 0, 0)
	if errno != 0 {
		return fmt.Errorf("huge page of process %d: %w", pid, errno)
	}
	return nil
}
