// Package sandbox starts a program as PID 1 of its own PID, mount and network
// namespaces, on CPUs of choice: as much of a container as a function and its
// watchdog need, without a container engine. It is what the benchmark harness
// and the integration tests run workers in. It needs root on Linux.
//
// A sandbox has its own /proc, /dev/shm and /run, sees the host's files
// otherwise, and has a loopback interface only. Addresses of the host's
// loopback can be forwarded into it, and the host can dial into it.
package sandbox

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"runtime"
	"sync"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// Spec says what to run.
type Spec struct {
	// Args is the program, as an absolute path, and its arguments.
	Args []string
	// Env is the whole environment; nil = none.
	Env []string
	// Dir is the working directory; "" = /.
	Dir string
	// Stdout and Stderr receive what PID 1 prints; nil = nowhere.
	Stdout, Stderr io.Writer
	// CPUs are the CPUs that the program and all it starts may use; nil = all.
	CPUs []int
	// RealTime has the program, and all it starts, run before everything else
	// on its CPUs, as far as the kernel lets it: a test of what takes some
	// milliseconds then shows the same on a busy machine.
	RealTime bool
	// CPUGroup gives the program a CPU control group of its own, as containers
	// have, where the caller may make one. Else the kernel may group by sessions,
	// and no priority says anything to a process of another session. Its name is
	// another one for each sandbox, so that a process that keeps one of its files
	// open, as programs in Go do, cannot be restored in another.
	CPUGroup bool
	// Forward are TCP addresses of the host ("127.0.0.1:5000") that the program
	// reaches at the same address. Nothing may listen there inside.
	Forward []string
	// Tmpfs are further directories of the sandbox's own, by their paths, each
	// with the bytes that it can hold. What is missing is made, outside too.
	Tmpfs map[string]int64
	// Clock is how far the clocks that count from the machine's start are ahead
	// of the machine's, as if it were another one; it needs Linux 6.3.
	Clock time.Duration
	// ForwardAt are more of them, each by the address that it has inside: the
	// host's may then be another one for each sandbox.
	ForwardAt map[string]string
}

// Sandbox is a running program.
type Sandbox struct {
	cmd       *exec.Cmd
	netns     *os.File
	listeners []net.Listener
	done      chan struct{}
	freed     sync.WaitGroup // until nothing is left once it is done
	err       error
}

// Start runs the program and returns once it has been executed. It is killed,
// with all that it started, when ctx ends, when Close is called, or when the
// calling program dies.
func Start(ctx context.Context, spec Spec) (*Sandbox, error) {
	ours, theirs, err := socketpair()
	if err != nil {
		return nil, fmt.Errorf("start sandbox: %w", err)
	}
	defer ours.Close()
	cmd, err := command(ctx, spec, theirs)
	if err != nil {
		return nil, fmt.Errorf("start sandbox: %w", err)
	}
	s := &Sandbox{cmd: cmd, done: make(chan struct{})}
	err = s.launch()
	_ = theirs.Close() // the child has its own copy
	if err != nil {
		return nil, fmt.Errorf("start sandbox (needs root and namespaces): %w", err)
	}
	if err := s.setUp(ours, spec); err != nil {
		_ = s.Close()
		return nil, fmt.Errorf("start sandbox: %w", err)
	}
	return s, nil
}

func command(ctx context.Context, spec Spec, handshake *os.File) (*exec.Cmd, error) {
	encoded, err := json.Marshal(initSpec{Args: spec.Args, Dir: spec.Dir, Env: spec.Env, CPUs: spec.CPUs, RealTime: spec.RealTime, Tmpfs: spec.Tmpfs, Clock: spec.Clock})
	if err != nil {
		return nil, err
	}
	cmd := exec.CommandContext(ctx, "/proc/self/exe")
	cmd.Args = []string{initName, string(encoded)}
	cmd.Env = []string{}
	cmd.Stdout, cmd.Stderr = spec.Stdout, spec.Stderr
	cmd.ExtraFiles = []*os.File{handshake}
	cmd.SysProcAttr = &syscall.SysProcAttr{
		Cloneflags: unix.CLONE_NEWPID | unix.CLONE_NEWNS | unix.CLONE_NEWNET,
		Pdeathsig:  syscall.SIGKILL,
		Setpgid:    true, // a terminal's Ctrl-C is for the caller, who ends it in order
	}
	return cmd, nil
}

// launch starts the command and waits for its end on one locked thread: the
// parent-death signal is sent when the thread that forked ends.
func (s *Sandbox) launch() error {
	started := make(chan error, 1)
	go func() {
		runtime.LockOSThread()
		err := s.cmd.Start()
		started <- err
		if err == nil {
			s.err = s.cmd.Wait()
			close(s.done)
		}
	}()
	return <-started
}

// setUp waits for the namespaces, opens the forwarded addresses in them and
// lets the program start.
func (s *Sandbox) setUp(handshake *os.File, spec Spec) error {
	if err := expect(handshake, msgNamespaces); err != nil {
		return err
	}
	if spec.CPUGroup {
		group := newCPUGroup(s.cmd.Process.Pid)
		s.freed.Go(func() {
			<-s.done
			group.remove()
		})
	}
	var err error
	if s.netns, err = os.Open(fmt.Sprintf("/proc/%d/ns/net", s.cmd.Process.Pid)); err != nil {
		return err
	}
	if err := s.forwardAll(spec); err != nil {
		return err
	}
	if _, err := handshake.Write([]byte(msgGo)); err != nil {
		return err
	}
	return expectExec(handshake)
}

func (s *Sandbox) forwardAll(spec Spec) error {
	for _, addr := range spec.Forward {
		if err := s.forward(addr, addr); err != nil {
			return err
		}
	}
	for inside, host := range spec.ForwardAt {
		if err := s.forward(inside, host); err != nil {
			return err
		}
	}
	return nil
}

// PID is the process id of the program, as the host sees it.
func (s *Sandbox) PID() int { return s.cmd.Process.Pid }

// Done is closed when the program has ended.
func (s *Sandbox) Done() <-chan struct{} { return s.done }

// Wait waits for the program's end and returns how it ended, as exec.Cmd.Wait.
func (s *Sandbox) Wait() error {
	<-s.done
	return s.err
}

// Signal sends a signal to the program.
func (s *Sandbox) Signal(sig os.Signal) error { return s.cmd.Process.Signal(sig) }

// Close kills the program with all that it started, and frees the namespaces.
func (s *Sandbox) Close() error {
	if err := s.cmd.Process.Kill(); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return err
	}
	<-s.done
	for _, ln := range s.listeners {
		_ = ln.Close()
	}
	if s.netns != nil {
		_ = s.netns.Close()
	}
	s.freed.Wait()
	return nil
}

// Path is where the caller finds a file of the sandbox, as long as that runs.
func (s *Sandbox) Path(inside string) string {
	return fmt.Sprintf("/proc/%d/root%s", s.PID(), inside)
}

// Dial opens a connection from inside the sandbox.
func (s *Sandbox) Dial(ctx context.Context, network, addr string) (net.Conn, error) {
	var conn net.Conn
	err := s.inNetwork(func() (err error) {
		conn, err = (&net.Dialer{}).DialContext(ctx, network, addr)
		return err
	})
	return conn, err
}

// Client returns an HTTP client whose connections start inside the sandbox. It
// follows no redirects and asks for no compression.
func (s *Sandbox) Client() *http.Client {
	return &http.Client{
		Transport: &http.Transport{DialContext: s.Dial, DisableCompression: true, MaxIdleConnsPerHost: 128},
		CheckRedirect: func(*http.Request, []*http.Request) error {
			return http.ErrUseLastResponse
		},
	}
}

// inNetwork runs f on a thread that has entered the sandbox's network
// namespace. Sockets belong to the namespace they were made in for ever.
func (s *Sandbox) inNetwork(f func() error) error {
	result := make(chan error, 1)
	go func() {
		runtime.LockOSThread()
		home, err := os.Open("/proc/thread-self/ns/net")
		if err != nil {
			result <- err
			return
		}
		defer home.Close()
		if err := unix.Setns(int(s.netns.Fd()), unix.CLONE_NEWNET); err != nil {
			result <- fmt.Errorf("enter the sandbox's network: %w", err)
			return
		}
		err = f()
		if unix.Setns(int(home.Fd()), unix.CLONE_NEWNET) == nil {
			runtime.UnlockOSThread() // otherwise the thread ends with the goroutine
		}
		result <- err
	}()
	return <-result
}
