package fork

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"slices"
	"sync"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// errNoCommand is the failure of a handler that was given no command.
var errNoCommand = errors.New("no command is set")

// child is the process of one request, the leader of a process group.
type child struct {
	pid int
	// stdin and stdout are our ends of its pipes.
	stdin, stdout *os.File

	// exited is closed when it has ended and was reaped, err then says how.
	exited chan struct{}
	err    error
	// logged is closed when all that it wrote to stderr was passed on.
	logged chan struct{}

	mu sync.Mutex
	// handle is a descriptor of the process, by which its group can be killed
	// even when it is gone and another process has got its id; -1 = none.
	handle int
	closed bool
}

// start executes the command with further variables. Whoever starts a child
// waits for it and closes it.
func (s Settings) start(env []string) (*child, error) {
	if len(s.Command) == 0 {
		return nil, errNoCommand
	}
	p, err := openPipes()
	if err != nil {
		return nil, fmt.Errorf("open pipes: %w", err)
	}
	c := &child{stdin: p[0].w, stdout: p[1].r, exited: make(chan struct{}), logged: make(chan struct{}), handle: -1}
	cmd := exec.Command(s.Command[0], s.Command[1:]...)
	cmd.Env = slices.Concat(s.Environment, env)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = p[0].r, p[1].w, p[2].w
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, PidFD: &c.handle}
	if err := cmd.Start(); err != nil {
		p.close()
		return nil, err // it says what could not be executed
	}
	c.pid = cmd.Process.Pid
	closeAll(p[0].r, p[1].w, p[2].w)
	go c.reap(cmd)
	go c.log(s, p[2].r)
	return c, nil
}

// reap waits for the process at once, whatever the request is at: nobody sees
// a zombie.
func (c *child) reap(cmd *exec.Cmd) {
	c.err = cmd.Wait()
	close(c.exited)
}

func (c *child) log(s Settings, stderr *os.File) {
	s.Output.CopyStderr(stderr)
	_ = stderr.Close()
	close(c.logged)
}

// kill ends the process group, and the reading of stdout, which a process that
// left the group may hold open. It does nothing once the child is closed.
func (c *child) kill() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closed {
		return
	}
	// This comes first, or the death of the last writer would look like the
	// orderly end of stdout.
	_ = c.stdout.SetReadDeadline(time.Unix(1, 0))
	err := unix.PidfdSendSignal(c.handle, unix.SIGKILL, nil, unix.PIDFD_SIGNAL_PROCESS_GROUP)
	if err != nil && !errors.Is(err, unix.ESRCH) {
		_ = syscall.Kill(-c.pid, syscall.SIGKILL) // no handle, or Linux before 6.9
	}
}

// wait returns how the process ended: nil for exit status 0, else as
// exec.Cmd.Wait.
func (c *child) wait() error {
	<-c.exited
	return c.err
}

// logTime bounds how long the end of a request waits for that of stderr, which
// processes in the background may hold.
const logTime = 100 * time.Millisecond

// close ends our part of an ended child.
func (c *child) close() {
	select {
	case <-c.logged:
	case <-time.After(logTime):
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.closed = true
	closeAll(c.stdin, c.stdout)
	if c.handle >= 0 {
		_ = unix.Close(c.handle)
	}
}
