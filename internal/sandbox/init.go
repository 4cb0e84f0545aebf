package sandbox

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"runtime"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

const (
	initName      = "pronghorn-sandbox-init"
	msgNamespaces = "n"
	msgGo         = "g"
	// handshakeFD is where the child finds its end of the socket pair.
	handshakeFD = 3
)

// initSpec is what the child has to set up; it travels as its argument.
type initSpec struct {
	Args []string `json:"args"`
	Dir  string   `json:"dir"`
	Env  []string `json:"env"`
	CPUs []int    `json:"cpus"`

	RealTime bool `json:"real_time"`

	Tmpfs map[string]int64 `json:"tmpfs"`
	Clock time.Duration    `json:"clock"`
}

// The file in which a time namespace is set up is that of the main thread,
// which therefore does it all.
func init() {
	if len(os.Args) > 0 && os.Args[0] == initName {
		runtime.LockOSThread()
	}
}

// Init must be called first by the main function (or TestMain) of a program
// that uses Start: the program is executed again inside the namespaces, and
// Init then sets them up and executes what was asked for. Otherwise it returns
// at once.
func Init() {
	if len(os.Args) != 2 || os.Args[0] != initName {
		return
	}
	err := runInit(os.Args[1])
	fmt.Fprintln(os.Stderr, "sandbox:", err) // only reached on failure
	os.Exit(1)
}

func runInit(encoded string) error {
	var spec initSpec
	if err := json.Unmarshal([]byte(encoded), &spec); err != nil {
		return err
	}
	for _, step := range []func() error{mounts, spec.moreMounts, loopbackUp, stdinFromNull, spec.pin, spec.setClock, spec.enter, awaitGo, spec.goFirst} {
		if err := step(); err != nil {
			return err
		}
	}
	if err := closeOnExec(); err != nil {
		return err
	}
	err := syscall.Exec(spec.Args[0], spec.Args, spec.Env)
	return fmt.Errorf("execute %s: %w", spec.Args[0], err)
}

func mounts() error {
	if err := unix.Mount("", "/", "", unix.MS_REC|unix.MS_PRIVATE, ""); err != nil {
		return fmt.Errorf("make mounts private: %w", err)
	}
	for _, m := range []struct{ fstype, target string }{{"proc", "/proc"}, {"tmpfs", "/dev/shm"}, {"tmpfs", "/run"}} {
		if err := unix.Mount(m.fstype, m.target, m.fstype, unix.MS_NOSUID|unix.MS_NODEV, ""); err != nil {
			return fmt.Errorf("mount %s on %s: %w", m.fstype, m.target, err)
		}
	}
	return nil
}

// moreMounts mounts what the caller asked for.
func (s initSpec) moreMounts() error {
	for target, bytes := range s.Tmpfs {
		if err := os.MkdirAll(target, 0o700); err != nil {
			return err
		}
		if err := unix.Mount("tmpfs", target, "tmpfs", unix.MS_NOSUID|unix.MS_NODEV, fmt.Sprintf("size=%d", bytes)); err != nil {
			return fmt.Errorf("mount tmpfs on %s: %w", target, err)
		}
	}
	return nil
}

// setClock makes a time namespace, which the program enters when it is executed.
func (s initSpec) setClock() error {
	if s.Clock == 0 {
		return nil
	}
	if err := unix.Unshare(unix.CLONE_NEWTIME); err != nil {
		return fmt.Errorf("make a time namespace: %w", err)
	}
	seconds, nanoseconds := s.Clock/time.Second, s.Clock%time.Second
	if nanoseconds < 0 {
		seconds, nanoseconds = seconds-1, nanoseconds+time.Second
	}
	offsets := fmt.Sprintf("monotonic %d %d\nboottime %[1]d %[2]d\n", seconds, nanoseconds)
	if err := os.WriteFile("/proc/self/timens_offsets", []byte(offsets), 0); err != nil {
		return fmt.Errorf("set the clock off by %s: %w", s.Clock, err)
	}
	return nil
}

func loopbackUp() error {
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return fmt.Errorf("bring up lo: %w", err)
	}
	defer unix.Close(fd)
	ifr, err := unix.NewIfreq("lo")
	if err != nil {
		return err
	}
	ifr.SetUint16(unix.IFF_UP | unix.IFF_RUNNING)
	if err := unix.IoctlIfreq(fd, unix.SIOCSIFFLAGS, ifr); err != nil {
		return fmt.Errorf("bring up lo: %w", err)
	}
	return nil
}

// stdinFromNull opens /dev/null anew: one that was opened in the host's mount
// namespace cannot be dumped in this one.
func stdinFromNull() error {
	null, err := os.Open("/dev/null")
	if err != nil {
		return err
	}
	defer null.Close()
	return unix.Dup3(int(null.Fd()), 0, 0)
}

func (s initSpec) pin() error {
	if len(s.CPUs) == 0 {
		return nil
	}
	var set unix.CPUSet
	for _, cpu := range s.CPUs {
		set.Set(cpu)
	}
	// Every thread of this process counts: the one that executes the program
	// hands its own mask on.
	tasks, err := os.ReadDir("/proc/self/task")
	if err != nil {
		return err
	}
	for _, task := range tasks {
		var tid int
		if _, err := fmt.Sscan(task.Name(), &tid); err != nil {
			return err
		}
		if err := unix.SchedSetaffinity(tid, &set); err != nil {
			return fmt.Errorf("pin to CPUs %v: %w", s.CPUs, err)
		}
	}
	return nil
}

// goFirst makes this thread, which executes the program, a real-time one. A
// kernel may have no such time for its group of processes.
func (s initSpec) goFirst() error {
	if s.RealTime {
		_ = unix.SchedSetAttr(0, &unix.SchedAttr{Size: unix.SizeofSchedAttr, Policy: unix.SCHED_RR, Priority: 1}, 0)
	}
	return nil
}

func (s initSpec) enter() error {
	if s.Dir == "" {
		return os.Chdir("/")
	}
	return os.Chdir(s.Dir)
}

// awaitGo tells the parent that the namespaces stand and waits for its word.
func awaitGo() error {
	handshake := os.NewFile(handshakeFD, "handshake")
	if _, err := handshake.Write([]byte(msgNamespaces)); err != nil {
		return err
	}
	if err := expect(handshake, msgGo); err != nil {
		return err
	}
	// Stays open until the program is executed, which is what closes it.
	return nil
}

// closeOnExec marks all but the standard descriptors, so that the program
// starts with nothing that it cannot name.
func closeOnExec() error {
	return unix.CloseRange(3, ^uint(0)>>1, unix.CLOSE_RANGE_CLOEXEC)
}

func socketpair() (ours, theirs *os.File, err error) {
	fds, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return nil, nil, err
	}
	return os.NewFile(uintptr(fds[0]), "handshake"), os.NewFile(uintptr(fds[1]), "handshake"), nil
}

func expect(handshake *os.File, msg string) error {
	got := make([]byte, 1)
	if _, err := io.ReadFull(handshake, got); err != nil {
		return fmt.Errorf("the sandbox did not come up: %w", err)
	}
	if string(got) != msg {
		return fmt.Errorf("the sandbox answered %q, want %q", got, msg)
	}
	return nil
}

// expectExec waits for the end of file that the execution brings. A failure to
// execute ends the child, which its exit status then shows.
func expectExec(handshake *os.File) error {
	if _, err := handshake.Read(make([]byte, 1)); !errors.Is(err, io.EOF) {
		return fmt.Errorf("the sandbox did not execute the program: %w", err)
	}
	return nil
}
