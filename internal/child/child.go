// Package child starts programs that end with this process.
package child

import (
	"os/exec"
	"runtime"
	"syscall"
)

// Start starts a program that is killed when this process ends, however that
// happens. The kernel takes the end of the thread that started it for the end of
// its parent, so one thread starts it, waits for it, and stays until then: the
// caller waits for ended instead of calling cmd.Wait. Without an error ended is
// closed when the program has ended and was waited for.
func Start(cmd *exec.Cmd) (ended <-chan struct{}, err error) {
	if cmd.SysProcAttr == nil {
		cmd.SysProcAttr = &syscall.SysProcAttr{}
	}
	cmd.SysProcAttr.Pdeathsig = syscall.SIGKILL
	started, done := make(chan error), make(chan struct{})
	go func() {
		defer close(done)
		runtime.LockOSThread() // to the end, with which the thread goes
		err := cmd.Start()
		started <- err
		if err == nil {
			_ = cmd.Wait() // how it ended is in cmd.ProcessState
		}
	}()
	return done, <-started
}
