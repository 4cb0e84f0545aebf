package process

import (
	"context"
	"errors"
	"fmt"
	"os"

	"github.com/pronghorn-faas/pronghorn/snapshot"
	"github.com/pronghorn-faas/pronghorn/snapshot/userfault"
)

// Engine prepares restores that give the process the two files as its output;
// *criu.Engine does.
type Engine interface {
	PrepareRestore(ctx context.Context, stdout, stderr *os.File) (PreparedRestore, error)
}

// PreparedRestore restores an image once; *criu.Restore is one.
type PreparedRestore interface {
	// Learn makes this restore and all calls to come quick, and leaves what
	// does so in seedDir for other containers. The image in dir may help; its
	// pages need not be there.
	Learn(ctx context.Context, dir, seedDir string) error
	Run(ctx context.Context, dir string, p snapshot.Process) (pid int, err error)
	RunLazily(ctx context.Context, dir string, p snapshot.Process, later []userfault.Missing, pager *userfault.Pager) (pid int, err error)
	Close() error
}

// Memory is what a restored function gets while it runs already.
type Memory struct {
	// Missing is what it has not from the beginning.
	Missing []userfault.Missing
	// Pager gives it.
	Pager *userfault.Pager
}

// Restoring is a function that is about to be restored: what takes the place
// of its output is there, and so is what will restore it. Run it or close it.
type Restoring struct {
	restore PreparedRestore
	logs    *logs
	pids    PIDs
}

// PrepareRestore does what can be done before the image is there. CRIU's own
// processes get ids below those of the image.
func PrepareRestore(ctx context.Context, e Engine, pids PIDs, out Output) (*Restoring, error) {
	l, err := newLogs(out)
	if err != nil {
		return nil, fmt.Errorf("restore function: %w", err)
	}
	var r PreparedRestore
	if err = pids.Below(); err == nil {
		r, err = e.PrepareRestore(ctx, l.stdout.w, l.stderr.w)
	}
	if err != nil {
		l.abandon()
		return nil, err
	}
	return &Restoring{restore: r, logs: l, pids: pids}, nil
}

// Learn has the engine find out what it would otherwise do in Run.
func (r *Restoring) Learn(ctx context.Context, dir, seedDir string) error {
	return r.restore.Learn(ctx, dir, seedDir)
}

// Run restores the function from the image in dir. What starts from now on,
// threads of the function among them, gets ids above those of the image, which
// is given its own whatever comes next. It has all of its memory unless there is
// some to come later; nil = there is none.
func (r *Restoring) Run(ctx context.Context, dir string, p snapshot.Process, later *Memory) (*Process, error) {
	pid, err := 0, r.pids.Above(p.MaxTID)
	switch {
	case err != nil:
	case later == nil:
		pid, err = r.restore.Run(ctx, dir, p)
	default:
		pid, err = r.restore.RunLazily(ctx, dir, p, later.Missing, later.Pager)
	}
	err = errors.Join(err, r.restore.Close())
	if err != nil {
		r.logs.abandon()
		return nil, err
	}
	proc, err := os.FindProcess(pid)
	if err != nil {
		r.logs.abandon()
		return nil, fmt.Errorf("restore function: %w", err)
	}
	return watch(proc, r.logs), nil
}

// Close undoes a preparation that was not run.
func (r *Restoring) Close() error {
	err := r.restore.Close() // it holds the output that is then waited for
	r.logs.abandon()
	return err
}
