package userfault

import (
	"errors"
	"fmt"
	"unsafe"

	"golang.org/x/sys/unix"
)

// Calls of the kernel's interface, linux/userfaultfd.h; golang.org/x/sys has
// the number of the system call only.
const (
	callAPI     = 0xc018aa3f // UFFDIO_API
	callWatch   = 0xc020aa00 // UFFDIO_REGISTER
	callRelease = 0x8010aa01 // UFFDIO_UNREGISTER
	callWake    = 0x8010aa02 // UFFDIO_WAKE
	callCopy    = 0xc028aa03 // UFFDIO_COPY

	apiVersion   = 0xaa
	watchMissing = 1 // UFFDIO_REGISTER_MODE_MISSING
)

// What is told besides page faults: children, memory that moves, memory whose
// contents are thrown away, memory that goes.
const (
	tellFork   = 1 << 1
	tellRemap  = 1 << 2
	tellRemove = 1 << 3
	tellUnmap  = 1 << 6

	tellAll = tellFork | tellRemap | tellRemove | tellUnmap
)

// Kinds of messages.
const (
	isFault  = 0x12
	isFork   = 0x13
	isRemap  = 0x14
	isRemove = 0x15
	isUnmap  = 0x16
)

// message is struct uffd_msg. What a, b and c are depends on the kind.
type message struct {
	kind    uint8
	_       [7]byte
	a, b, c uint64
}

const messageSize = int(unsafe.Sizeof(message{}))

// ErrUnavailable says that the memory of a process cannot come later here.
var ErrUnavailable = errors.New("userfaultfd is not available")

// Available finds out whether a process may be given memory while it runs, in
// microseconds. The error wraps ErrUnavailable and says what is missing.
func Available() error {
	fd, _, errno := unix.Syscall(unix.SYS_USERFAULTFD, unix.O_CLOEXEC, 0, 0)
	switch {
	case errno == unix.EPERM:
		return fmt.Errorf("%w: add the capability SYS_PTRACE, on the machine and not only in a user namespace: %w", ErrUnavailable, errno)
	case errno != 0:
		return fmt.Errorf("%w: %w", ErrUnavailable, errno)
	}
	defer unix.Close(int(fd))
	api := struct{ version, features, calls uint64 }{apiVersion, tellAll, 0}
	if err := call(int(fd), callAPI, unsafe.Pointer(&api)); err != nil {
		return fmt.Errorf("%w: the kernel does not tell of all that happens to memory: %w", ErrUnavailable, err)
	}
	return nil
}

func call(fd int, number uintptr, argument unsafe.Pointer) error {
	for {
		_, _, errno := unix.Syscall(unix.SYS_IOCTL, uintptr(fd), number, uintptr(argument))
		switch errno {
		case 0:
			return nil
		case unix.EINTR:
			continue
		}
		return errno
	}
}

type byteRange struct{ start, bytes uint64 }

// watch has the kernel tell of what is missing in a range.
func watch(fd int, start, end uint64) error {
	r := struct {
		byteRange
		mode, calls uint64
	}{byteRange: byteRange{start, end - start}, mode: watchMissing}
	return call(fd, callWatch, unsafe.Pointer(&r))
}

// release gives a range back to the kernel, which makes it of zeros where
// nothing is yet, and wakes who waits for it.
func release(fd int, start, end uint64) error {
	r := byteRange{start, end - start}
	return call(fd, callRelease, unsafe.Pointer(&r))
}

// wake lets those who wait for a page look again.
func wake(fd int, page uint64) error {
	r := byteRange{page, PageSize}
	return call(fd, callWake, unsafe.Pointer(&r))
}

// fill copies contents to an address of the process, and wakes who waits for
// them. It returns how many bytes were copied, also with an error. src is read by
// the kernel only: if it is a mapping of a file that was cut off, that is EFAULT
// and no signal.
func fill(fd int, address uint64, src []byte) (n int, err error) {
	c := struct {
		to, from, bytes, mode uint64
		copied                int64
	}{to: address, from: uint64(uintptr(unsafe.Pointer(unsafe.SliceData(src)))), bytes: uint64(len(src))}
	err = call(fd, callCopy, unsafe.Pointer(&c))
	return int(max(c.copied, 0)), err
}

// receive reads the messages that are there.
func receive(fd int, buf []message) ([]message, error) {
	raw := unsafe.Slice((*byte)(unsafe.Pointer(unsafe.SliceData(buf))), len(buf)*messageSize)
	n, err := unix.Read(fd, raw)
	if err != nil {
		return nil, err
	}
	return buf[:n/messageSize], nil
}
