package criu

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"

	"github.com/checkpoint-restore/go-criu/v7/rpc"
	"google.golang.org/protobuf/proto"

	"github.com/pronghorn-faas/pronghorn/snapshot"
	"github.com/pronghorn-faas/pronghorn/snapshot/userfault"
)

// Restore is a restore that is prepared: CRIU runs and waits for the word.
// Let it Learn if nobody has, run it once, and close it in any case.
type Restore struct {
	engine *Engine
	worker *worker
	output []*os.File
}

// PrepareRestore starts CRIU while the image is still being fetched. The
// restored process will have stdout and stderr, which the caller may close
// once Run has returned. CRIU gets a process id now, which had better not be
// one of the image's: see PIDs.
func (e *Engine) PrepareRestore(ctx context.Context, stdout, stderr *os.File) (*Restore, error) {
	if err := ctx.Err(); err != nil {
		return nil, context.Cause(ctx)
	}
	w, err := e.start(stdout, stderr)
	if err != nil {
		return nil, fmt.Errorf("prepare a restore: %w", err)
	}
	return &Restore{engine: e, worker: w, output: []*os.File{stdout, stderr}}, nil
}

// Run starts the process tree whose image is in dir, as a child of the caller.
// All its process and thread ids must be free, else the error wraps ErrIDs. On
// failure nothing of it is left, nor when ctx ends, which kills CRIU and what
// it has made.
func (r *Restore) Run(ctx context.Context, dir string, p snapshot.Process) (pid int, err error) {
	pid, err = r.run(ctx, dir, p, func(*os.File, *rpc.CriuOpts) (func() error, error) { return func() error { return nil }, nil })
	if err != nil {
		return 0, fmt.Errorf("restore: %w", err)
	}
	return pid, nil
}

// RunLazily is Run with a process that runs before it has all of its memory:
// later is Later(dir), whose contents the pager gives from its source. The
// pager is the caller's to close in any case, after the process has ended.
func (r *Restore) RunLazily(ctx context.Context, dir string, p snapshot.Process, later []userfault.Missing, pager *userfault.Pager) (pid int, err error) {
	ctx, cancel := pager.Context(ctx) // CRIU would wait for what does not come
	defer cancel()
	pid, err = r.run(ctx, dir, p, func(images *os.File, opts *rpc.CriuOpts) (func() error, error) {
		undo, err := leaveToUs(dir, later)
		if err != nil {
			return nil, err
		}
		server, err := serveLazily(images, pager, later)
		if err != nil {
			return nil, errors.Join(err, undo())
		}
		opts.LazyPages, opts.NotifyScripts = proto.Bool(true), proto.Bool(true)
		r.worker.asks = func(stage string) error {
			if stage != stageRestored {
				return nil
			}
			return server.ready(ctx)
		}
		return func() error { return errors.Join(server.close(), undo()) }, nil
	})
	if err != nil {
		return 0, fmt.Errorf("restore: %w", err)
	}
	return pid, nil
}

// stageRestored is the notification by which CRIU says that the processes have
// their mappings, and asks whether to go on: if not, nothing is left of them.
const stageRestored = "post-restore"

// run restores. prepare may change the options of CRIU's call; what it returns
// is called after it.
func (r *Restore) run(ctx context.Context, dir string, p snapshot.Process, prepare func(*os.File, *rpc.CriuOpts) (after func() error, err error)) (pid int, err error) {
	if err := r.makeWay(p); err != nil {
		return 0, err
	}
	images, err := os.Open(dir)
	if err != nil {
		return 0, err
	}
	defer images.Close()
	opts := r.options(images, dir, p)
	after, err := prepare(images, opts)
	if err != nil {
		return 0, err
	}
	resp, err := r.worker.call(ctx, &rpc.CriuReq{Type: rpc.CriuReqType_RESTORE.Enum(), Opts: opts})
	if err == nil {
		err = failure(resp, filepath.Join(dir, restoreLog))
	}
	if err = errors.Join(err, after()); err != nil {
		r.worker.kill()
		return 0, errors.Join(err, clearTree(p.TIDs))
	}
	return int(resp.GetRestore().GetPid()), nil
}

func (r *Restore) options(images *os.File, dir string, p snapshot.Process) *rpc.CriuOpts {
	opts := r.engine.options(images, restoreLog)
	opts.RstSibling = proto.Bool(true)
	opts.TcpClose = proto.Bool(true)
	opts.InheritFd = inherited(p)
	if _, err := os.Stat(filepath.Join(dir, cpuImage)); err == nil { // arm64 has none
		opts.CpuCap = proto.Uint32(cpuCheck)
	}
	return opts
}

// makeWay makes sure that the ids of the image are free. A CRIU that has got one
// of them itself is replaced; the next one's comes later, where the caller has
// moved on to.
func (r *Restore) makeWay(p snapshot.Process) error {
	if slices.Contains(p.TIDs, r.worker.cmd.Process.Pid) {
		if err := r.renew(); err != nil {
			return err
		}
	}
	return free(p.TIDs)
}

// Close ends a CRIU that was not used.
func (r *Restore) Close() error {
	r.worker.close()
	return nil
}

// Restore prepares and runs a restore.
func (e *Engine) Restore(ctx context.Context, dir string, p snapshot.Process, stdout, stderr *os.File) (pid int, err error) {
	r, err := e.PrepareRestore(ctx, stdout, stderr)
	if err != nil {
		return 0, err
	}
	pid, err = r.Run(ctx, dir, p)
	return pid, errors.Join(err, r.Close())
}

// inherited puts the two files of a restore in the place of the pipes in the
// image. A process may have one pipe for both.
func inherited(p snapshot.Process) []*rpc.InheritFd {
	fds := []*rpc.InheritFd{{Key: proto.String(p.Stdout), Fd: proto.Int32(socketFD + 1)}}
	if p.Stderr != p.Stdout {
		fds = append(fds, &rpc.InheritFd{Key: proto.String(p.Stderr), Fd: proto.Int32(socketFD + 2)})
	}
	return fds
}
