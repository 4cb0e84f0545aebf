// Package process starts, watches and ends the function's process: cold, by
// executing it, or restored, from an image. The process leads a session of its
// own, reads /dev/null, writes to two pipes of the watchdog and has no other
// descriptor, which is what makes it possible to take a snapshot of it.
package process

import (
	"errors"
	"fmt"
	"log"
	"os"
	"os/exec"
	"syscall"
	"time"
)

// Process is a running function.
type Process struct {
	pid  int
	logs *logs
	done chan struct{}
	err  error
}

// Command says how a function is started cold.
type Command struct {
	// Args is the program, looked up on the PATH, and its arguments.
	Args []string
	Env  []string
	// PID is the process id that it shall have if it is free, else it is one
	// above; 0 = any.
	PID int
	// Log is told of the start, in upstream's words; nil = nobody is.
	Log *log.Logger
}

func (c Command) announce() {
	if c.Log == nil {
		return
	}
	c.Log.Printf("Forking: %s, arguments: %s", c.Args[0], c.Args[1:])
	for _, name := range []string{"stderr", "stdout"} {
		c.Log.Printf("Started logging: %s from function.", name)
	}
}

// PIDs chooses the ids of processes to come; *criu.PIDs does.
type PIDs interface {
	// Below makes what starts next get ids below those of functions.
	Below() error
	// Above makes what starts next get ids above last.
	Above(last int) error
}

// ErrNoID says that a function was not started since the process id that it was
// to have cannot be had. It can be started with any other.
var ErrNoID = errors.New("the process id cannot be had")

// StartCold executes the function.
func StartCold(c Command, pids PIDs, out Output) (*Process, error) {
	l, err := newLogs(out)
	if err != nil {
		return nil, fmt.Errorf("start function: %w", err)
	}
	if c.PID > 0 {
		if err := pids.Above(c.PID - 1); err != nil {
			l.abandon()
			return nil, fmt.Errorf("start function: %w: %w", ErrNoID, err)
		}
	}
	c.announce()
	cmd := exec.Command(c.Args[0], c.Args[1:]...)
	cmd.Env = c.Env
	cmd.Stdout, cmd.Stderr = l.stdout.w, l.stderr.w
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	if err := cmd.Start(); err != nil {
		l.abandon()
		return nil, fmt.Errorf("start function: %w", err)
	}
	return watch(cmd.Process, l), nil
}

// watch takes over a started process.
func watch(proc *os.Process, l *logs) *Process {
	p := &Process{pid: proc.Pid, logs: l, done: make(chan struct{})}
	l.started()
	go func() {
		state, err := proc.Wait()
		if err == nil && !state.Success() {
			err = &exec.ExitError{ProcessState: state}
		}
		p.err = err
		killSession(p.pid) // what it leaves behind would hold its pipes and ids
		l.drain()
		close(p.done)
	}()
	return p
}

// PID is the process id of the function.
func (p *Process) PID() int { return p.pid }

// Done is closed when the process has ended, was reaped, and its output was
// passed on.
func (p *Process) Done() <-chan struct{} { return p.done }

// Err says how the process ended: nil for exit status 0, else as
// exec.Cmd.Wait. It may be called once Done is closed.
func (p *Process) Err() error { return p.err }

// Kill ends the process and its descendants at once and waits for their end.
func (p *Process) Kill() {
	killSession(p.pid)
	<-p.done
}

// Stop sends SIGTERM and, when the process is still there after the grace
// period, kills it.
func (p *Process) Stop(grace time.Duration) {
	_ = syscall.Kill(p.pid, syscall.SIGTERM) // already gone is what we want
	select {
	case <-p.done:
	case <-time.After(grace):
		p.Kill()
	}
}

// KillDescendants kills every process that this one has started, and theirs,
// and does not wait for their ends.
func KillDescendants() {
	for _, child := range descendants(os.Getpid()) {
		_ = syscall.Kill(child, syscall.SIGKILL) // already gone is what we want
	}
}

// killSession kills the process group that pid leads, the rest of its session
// and its descendants. It may be called when the leader itself is gone.
func killSession(pid int) {
	for _, child := range descendants(pid) {
		_ = syscall.Kill(child, syscall.SIGKILL)
	}
	_ = syscall.Kill(-pid, syscall.SIGKILL)
}
