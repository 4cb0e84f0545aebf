package process

import (
	"context"
	"errors"
	"fmt"
	"os"

	"github.com/pronghorn-faas/pronghorn/snapshot"
)

// lowPID is where the ids of helpers start during a restore: below those of
// functions, above those of the watchdog.
const lowPID = 1000

// Engine prepares restores that give the process the two files as its output;
// *criu.Engine does.
type Engine interface {
	PrepareRestore(ctx context.Context, stdout, stderr *os.File) (PreparedRestore, error)
}

// PreparedRestore restores an image once; *criu.Restore is one.
type PreparedRestore interface {
	Run(ctx context.Context, dir string, p snapshot.Process) (pid int, err error)
	Close() error
}

// Restoring is a function that is about to be restored: what takes the place
// of its output is there, and so is what will restore it. Run it or close it.
type Restoring struct {
	restore PreparedRestore
	logs    *logs
	set     SetLastPID
}

// PrepareRestore does what can be done before the image is there. CRIU's own
// processes get ids below those of the image.
func PrepareRestore(ctx context.Context, e Engine, set SetLastPID, out Output) (*Restoring, error) {
	l, err := newLogs(out)
	if err != nil {
		return nil, fmt.Errorf("restore function: %w", err)
	}
	var r PreparedRestore
	if err = set(lowPID); err == nil {
		r, err = e.PrepareRestore(ctx, l.stdout.w, l.stderr.w)
	}
	if err != nil {
		l.abandon()
		return nil, err
	}
	return &Restoring{restore: r, logs: l, set: set}, nil
}

// Run restores the function from the image in dir. What starts afterwards,
// threads of the function among them, gets ids above those of the image.
func (r *Restoring) Run(ctx context.Context, dir string, p snapshot.Process) (*Process, error) {
	pid, err := r.restore.Run(ctx, dir, p)
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
	restored := watch(proc, r.logs)
	if err := r.set(p.MaxTID); err != nil {
		restored.Kill()
		return nil, err
	}
	return restored, nil
}

// Close undoes a preparation that was not run.
func (r *Restoring) Close() error {
	err := r.restore.Close() // it holds the output that is then waited for
	r.logs.abandon()
	return err
}
