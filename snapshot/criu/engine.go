package criu

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"

	"github.com/checkpoint-restore/go-criu/v7/rpc"
	"google.golang.org/protobuf/proto"

	"github.com/pronghorn-faas/pronghorn/snapshot"
)

// CRIU's log files, in the image directory; they are no part of the image.
const (
	dumpLog    = "dump.log"
	restoreLog = "restore.log"
)

// logErrors makes CRIU log errors only: more costs time in every operation.
const logErrors = 1

// Engine dumps and restores with one CRIU.
type Engine struct{ bin Binary }

// NewEngine returns an engine that uses bin.
func NewEngine(bin Binary) *Engine { return &Engine{bin: bin} }

// Dump writes the image of the process tree under pid into dir, an empty
// directory, and lets the tree run on. The caller makes sure that nobody is
// connected to it, that its standard input is /dev/null, and that it writes to
// pipes of the caller. It returns what a restorer must know.
//
// A dump that fails leaves the tree running. One that is cut off by ctx may
// leave it damaged: the caller should then end it.
func (e *Engine) Dump(ctx context.Context, pid int, dir string) (snapshot.Process, error) {
	process, err := Describe(pid)
	if err != nil {
		return snapshot.Process{}, fmt.Errorf("dump process %d: %w", pid, err)
	}
	images, err := os.Open(dir)
	if err != nil {
		return snapshot.Process{}, fmt.Errorf("dump process %d: %w", pid, err)
	}
	defer images.Close()
	opts := options(images, dumpLog)
	opts.Pid = proto.Int32(int32(pid))
	opts.LeaveRunning = proto.Bool(true)
	opts.TcpEstablished = proto.Bool(true)
	opts.NetworkLock = rpc.CriuNetworkLockMethod_SKIP.Enum()
	resp, err := e.bin.call(ctx, &rpc.CriuReq{Type: rpc.CriuReqType_DUMP.Enum(), Opts: opts})
	if err == nil {
		err = failure(resp, filepath.Join(dir, dumpLog))
	}
	if err != nil {
		return snapshot.Process{}, fmt.Errorf("dump process %d: %w", pid, err)
	}
	return process, nil
}

// Restore starts the process tree whose image is in dir, as a child of the
// caller, with stdout and stderr in place of the pipes that it had. All its
// process and thread ids must be free. On failure nothing of it is left.
func (e *Engine) Restore(ctx context.Context, dir string, p snapshot.Process, stdout, stderr *os.File) (pid int, err error) {
	if err := free(p.TIDs); err != nil {
		return 0, fmt.Errorf("restore: %w", err)
	}
	images, err := os.Open(dir)
	if err != nil {
		return 0, fmt.Errorf("restore: %w", err)
	}
	defer images.Close()
	opts := options(images, restoreLog)
	opts.RstSibling = proto.Bool(true)
	opts.TcpClose = proto.Bool(true)
	opts.InheritFd = inherited(p)
	resp, err := e.bin.call(ctx, &rpc.CriuReq{Type: rpc.CriuReqType_RESTORE.Enum(), Opts: opts}, stdout, stderr)
	if err == nil {
		err = failure(resp, filepath.Join(dir, restoreLog))
	}
	if err != nil {
		return 0, fmt.Errorf("restore: %w", err)
	}
	return int(resp.GetRestore().GetPid()), nil
}

// options are those of every operation: no cgroup is touched or frozen, which
// a container could not, and which costs more than the dump itself.
func options(images *os.File, log string) *rpc.CriuOpts {
	return &rpc.CriuOpts{
		ImagesDirFd:       proto.Int32(int32(images.Fd())),
		WorkDirFd:         proto.Int32(int32(images.Fd())),
		LogLevel:          proto.Int32(logErrors),
		LogFile:           proto.String(log),
		ManageCgroups:     proto.Bool(true),
		ManageCgroupsMode: rpc.CriuCgMode_IGNORE.Enum(),
	}
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

func failure(resp *rpc.CriuResp, log string) error {
	if resp.GetSuccess() {
		return nil
	}
	raw, _ := os.ReadFile(log) // without a log the answer has to do
	reason := reasonIn(string(raw))
	if reason == "" {
		reason = resp.GetCrErrmsg()
	}
	if errno := resp.GetCrErrno(); errno != 0 {
		return fmt.Errorf("CRIU failed with errno %d: %s", errno, reason)
	}
	return fmt.Errorf("CRIU failed: %s", reason)
}

// harmless matches what CRIU calls an error and is none.
var harmless = regexp.MustCompile(`RLIMIT_NOFILE|Dumping FAILED|Restoring FAILED`)

// reasonIn returns the first errors of a log, in one line.
func reasonIn(log string) string {
	var errs []string
	for line := range strings.Lines(log) {
		_, text, found := strings.Cut(line, "Error (")
		if !found || harmless.MatchString(text) {
			continue
		}
		if errs = append(errs, strings.TrimSpace("("+text)); len(errs) == 3 {
			break
		}
	}
	return strings.Join(errs, "; ")
}
