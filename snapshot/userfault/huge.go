package userfault

import (
	"errors"
	"fmt"
	"unsafe"

	"golang.org/x/sys/unix"
)

// adviceCollapse is MADV_COLLAPSE, which golang.org/x/sys does not have.
const adviceCollapse = 25

// MayCollapse reports whether the caller may give other processes huge pages,
// which takes the capability SYS_NICE. The kernel may still have none.
func MayCollapse() bool {
	header := unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3}
	var sets [2]unix.CapUserData
	return unix.Capget(&header, &sets[0]) == nil && sets[0].Effective&(1<<unix.CAP_SYS_NICE) != 0
}

// makeHuge makes a huge page of the next HugeSize bytes; what is still missing
// there will be written to it. That is quicker than one small page after the other,
// and saves the process a page fault for each, where the kernel, or what it runs on,
// counts the first touch of a page that is there as one. Nobody is told of faults
// meanwhile, so this is for memory of a process that does not run. Where there is
// no huge page the same comes in small ones.
func (s *space) makeHuge() error {
	start, end := s.early.huge[0], s.early.huge[0]+HugeSize
	s.early.huge = s.early.huge[1:]
	parts := s.pending.within(Region{Start: start, End: end})
	if len(parts) == 0 {
		return nil
	}
	s.early.soon = s.early.soon.without(start, end).with(parts)
	first := parts[0].Between(start, parts[0].Start+PageSize) // of none the kernel makes no huge one
	if err := s.copy(first); err != nil || s.gone {
		return err
	}
	if release(s.fd, start, end) != nil { // it is no such memory
		return nil
	}
	if err := collapse(s.pid, start); err != nil {
		if errors.Is(err, unix.EPERM) {
			s.early.huge = nil // nor will it be allowed later
		}
		return s.outcome(watch(s.fd, start, end)) // else what is missing would be zeros
	}
	s.early.written = s.early.written.with(s.pending.within(Region{Start: start, End: end}))
	s.pending = s.pending.without(start, end)
	s.early.made = append(s.early.made, start)
	return nil
}

// watchMade watches huge pages again, which are full by now, so that each is one
// mapping with what is beside it.
func (s *space) watchMade() {
	for _, start := range s.early.made {
		_ = watch(s.fd, start, start+HugeSize)
	}
	s.early.made = nil
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
