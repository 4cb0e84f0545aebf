//go:build race

package sockets

import (
	"errors"
	"syscall"
)

// The race detector takes it that what was read is later than what was written,
// but only of these calls. The runtime's descriptors do not block.

func recv(fd uintptr, p []byte, flags int) (n int, errno syscall.Errno) {
	var err error
	if flags == 0 {
		n, err = syscall.Read(int(fd), p)
	} else {
		n, _, err = syscall.Recvfrom(int(fd), p, flags|syscall.MSG_DONTWAIT)
	}
	return max(n, 0), errnoOf(err)
}

func send(fd uintptr, p []byte) (int, syscall.Errno) {
	n, err := syscall.Write(int(fd), p)
	return max(n, 0), errnoOf(err)
}

func errnoOf(err error) syscall.Errno {
	var errno syscall.Errno
	errors.As(err, &errno)
	return errno
}
