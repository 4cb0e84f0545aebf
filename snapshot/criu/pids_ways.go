package criu

import (
	"fmt"
	"os"
	"runtime"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"
)

// cursorFile, in /proc, is the id after which the kernel looks for the next one
// of the PID namespace.
const cursorFile = "sys/kernel/ns_last_pid"

// way is one that choose tries; open returns the kernel's cursor.
type way struct {
	way  Way
	open func() (*os.File, error)
}

// choose picks the first way that works.
func (p *PIDs) choose() {
	p.way, p.cursor, p.err = choose(inHostPIDs(), []way{{Proc, openCursor}, {PrivateProc, openPrivateCursor}})
	if p.err == nil && p.way == UsedUp {
		p.first, p.err = tryUsingUp()
	}
	if p.err != nil {
		p.err = fmt.Errorf("%w: process ids cannot be chosen here: %w", ErrUnavailable, p.err)
	}
}

// choose returns the first of the ways whose cursor can be written to, else
// UsedUp. In the host's PID namespace a read-only /proc/sys is respected: its
// ids are everybody's.
func choose(host bool, ways []way) (Way, *os.File, error) {
	for _, w := range ways {
		f, err := w.open()
		if err == nil {
			if err = tryCursor(f); err == nil {
				return w.way, f, nil
			}
			_ = f.Close()
		}
		if host {
			return UsedUp, nil, fmt.Errorf("they are the machine's (hostPID), and its /proc/sys is not writable: %w", err)
		}
	}
	return UsedUp, nil, nil
}

// tryCursor writes what is there. Ids that are given out meanwhile are passed
// over the next time.
func tryCursor(f *os.File) error {
	last, err := readCursor(f)
	if err != nil {
		return err
	}
	return writeCursor(f, last)
}

// hostPIDNamespace is the inode of the machine's first PID namespace, a
// constant of the kernel.
const hostPIDNamespace = 0xEFFFFFFC

func inHostPIDs() bool {
	info, err := os.Stat("/proc/self/ns/pid")
	if err != nil {
		return false
	}
	stat, ok := info.Sys().(*syscall.Stat_t)
	return ok && stat.Ino == hostPIDNamespace
}

func openCursor() (*os.File, error) { return os.OpenFile("/proc/"+cursorFile, os.O_RDWR, 0) }

// openPrivateCursor opens it in a new procfs of our PID namespace, which is
// attached to no mount namespace, so that nobody sees it and it ends with the
// file.
func openPrivateCursor() (*os.File, error) {
	fs, err := unix.Fsopen("proc", unix.FSOPEN_CLOEXEC)
	if err != nil {
		return nil, fmt.Errorf("open a procfs: %w", err)
	}
	defer unix.Close(fs)
	if err := unix.FsconfigCreate(fs); err != nil {
		return nil, fmt.Errorf("make a procfs: %w", err)
	}
	mount, err := unix.Fsmount(fs, unix.FSMOUNT_CLOEXEC, unix.MOUNT_ATTR_NOSUID|unix.MOUNT_ATTR_NODEV|unix.MOUNT_ATTR_NOEXEC)
	if err != nil {
		return nil, fmt.Errorf("mount a procfs: %w", err)
	}
	defer unix.Close(mount)
	fd, err := unix.Openat(mount, cursorFile, unix.O_RDWR|unix.O_CLOEXEC, 0)
	if err != nil {
		return nil, fmt.Errorf("open %s in a procfs: %w", cursorFile, err)
	}
	return os.NewFile(uintptr(fd), cursorFile), nil
}

// maxUsed bounds what useUp uses up: enough for snapshots of workers that can
// set the cursor. It takes about a second.
const maxUsed = 40_000

// tryUsingUp makes sure that an id can be used up, and returns the first id of
// functions.
func tryUsingUp() (first int, err error) {
	before, err := lastPID()
	if err == nil {
		err = useUp(before + 1)
	}
	if err != nil {
		return 0, err
	}
	return firstAbove(before), nil
}

// firstAbove is the first id of functions where last was given out already. It
// is the same for containers that differ a little.
func firstAbove(last int) int {
	first := firstUsed
	for first < last+firstRoom {
		first *= 2
	}
	return first
}

// useUp uses up ids until the kernel gives out those above last.
func useUp(last int) error {
	for used := 0; ; {
		now, err := lastPID()
		if err != nil || now >= last {
			return err
		}
		if used += last - now; used > maxUsed {
			return fmt.Errorf("%w: to get from process id %d to %d, %d would have to be used up: more than %d take too long", ErrIDs, now, last, used, maxUsed)
		}
		if err := useIDs(last - now); err != nil {
			return err
		}
	}
}

// lastPID is the id that was given out last.
func lastPID() (int, error) {
	f, err := os.Open("/proc/" + cursorFile)
	if err != nil {
		return 0, err
	}
	defer f.Close()
	return readCursor(f)
}

// cloneArgs are clone3's, up to what Linux 5.3 knew.
type cloneArgs struct{ flags, pidfd, childTID, parentTID, exitSignal, stack, stackSize, tls uint64 }

// nowhere is an address that no program has.
const nowhere = 1 << 63

// useIDs uses up n ids, without starting anything: the kernel fails to tell us
// of a new process (there is no such address) when it has got its id, and gives
// it up again.
func useIDs(n int) error {
	const sharing = unix.CLONE_VM | unix.CLONE_FS | unix.CLONE_FILES | unix.CLONE_SIGHAND // nothing has to be copied
	args := cloneArgs{flags: sharing | unix.CLONE_PIDFD, pidfd: nowhere}
	for range n {
		_, _, errno := unix.RawSyscall(unix.SYS_CLONE3, uintptr(unsafe.Pointer(&args)), unsafe.Sizeof(args), 0)
		if errno != unix.EFAULT {
			return fmt.Errorf("use up a process id: %w", errno)
		}
		runtime.Gosched()
	}
	return nil
}
