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

// cpuImage says which CPU an image is of. A restore with cpuCheck compares:
// every instruction set and every part of the FPU's state that the image names
// must be there. Measured: no difference in either operation.
const (
	cpuImage = "cpuinfo.img"
	cpuCheck = 1<<0 | 1<<2 // fpu, ins
)

// freezeTimeout is when CRIU gives up stopping the process, in seconds. It is
// below giveUpTime, so that it does so by itself.
const freezeTimeout = 3

// Engine dumps and restores with one CRIU.
type Engine struct {
	bin  Binary
	mode Mode
}

// NewEngine returns an engine that uses bin, in privileged mode.
func NewEngine(bin Binary) *Engine { return &Engine{bin: bin} }

// In returns an engine like this one in another mode, which Probe finds out.
func (e *Engine) In(m Mode) *Engine { return &Engine{bin: e.bin, mode: m} }

// start starts a CRIU that waits for its request.
func (e *Engine) start(files ...*os.File) (*worker, error) { return e.bin.start(e.env(), files...) }

// env is CRIU's environment; nil = ours.
func (e *Engine) env() []string {
	if e.mode == Privileged || !private(runtimeDir()) {
		return nil
	}
	return append(os.Environ(), "XDG_RUNTIME_DIR="+runtimeDir())
}

// dumpEnv is CRIU's environment for a dump: it looks up the functions of its
// libraries as it starts and not while the process is frozen, and does without
// GnuTLS, which we never ask for and which is taken down at CRIU's end, when the
// first request is to be answered. Of 730 page faults of a CRIU 100 are left
// out, 50 of them of those from the word to its end.
func (e *Engine) dumpEnv() []string {
	env := e.env()
	if env == nil {
		env = os.Environ()
	}
	return append(env, "LD_BIND_NOW=1", "GNUTLS_NO_IMPLICIT_INIT=1")
}

// Check asks CRIU whether the kernel has what it needs and the caller the
// rights. The error wraps ErrUnavailable and carries CRIU's reason.
func (e *Engine) Check(ctx context.Context) error {
	args := []string{"check"}
	if e.mode == Unprivileged {
		args = append(args, "--unprivileged")
	}
	cmd := e.bin.command(ctx, args...)
	cmd.Env = e.env()
	out, err := cmd.CombinedOutput()
	return checkFailure(string(out), err)
}

// notNeeded is what `criu check` finds missing where /proc/sys is read-only, and
// CRIU can do without: it asks for process ids as it starts processes. Choosing
// those of functions is up to PIDs. CRIU ends there; what it would look at
// afterwards are abilities of kernels that are much older than clone3.
const notNeeded = "ns_last_pid sysctl is inaccessible: Read-only file system"

// checkFailure is what the output and the end of `criu check` mean. CRIU ends
// at the first thing that is missing; other errors may stand before it that are
// none.
func checkFailure(out string, err error) error {
	if err == nil || strings.Contains(out, notNeeded) {
		return nil
	}
	if reason := reasonIn(out); reason != "" {
		return fmt.Errorf("%w: criu check: %s", ErrUnavailable, reason)
	}
	return fmt.Errorf("%w: criu check: %w", ErrUnavailable, err)
}

// Dump writes the image of the process tree under pid into dir, an empty
// directory, and lets the tree run on. The caller makes sure that nobody is
// connected to it, that its standard input is /dev/null, and that it writes to
// pipes of the caller. It returns what a restorer must know.
//
// It keeps the process frozen twice as long as PrepareDump and Run. A dump
// that fails leaves the tree running. One that is cut off by ctx may leave it
// damaged: the caller should then end it.
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
	resp, err := e.bin.call(ctx, e.env(), &rpc.CriuReq{Type: rpc.CriuReqType_DUMP.Enum(), Opts: e.dumpOptions(images, pid)})
	if err == nil {
		err = failure(resp, filepath.Join(dir, dumpLog))
	}
	if err != nil {
		return snapshot.Process{}, fmt.Errorf("dump process %d: %w", pid, err)
	}
	return process, nil
}

func (e *Engine) dumpOptions(images *os.File, pid int) *rpc.CriuOpts {
	opts := e.options(images, dumpLog)
	opts.Pid = proto.Int32(int32(pid))
	opts.LeaveRunning = proto.Bool(true)
	opts.TcpEstablished = proto.Bool(true)
	opts.NetworkLock = rpc.CriuNetworkLockMethod_SKIP.Enum()
	opts.Timeout = proto.Uint32(freezeTimeout)
	opts.CpuCap = proto.Uint32(cpuCheck)
	return opts
}

// options are those of every operation: no cgroup is touched or frozen, which
// a container could not, and which costs more than the dump itself.
func (e *Engine) options(images *os.File, log string) *rpc.CriuOpts {
	return &rpc.CriuOpts{
		ImagesDirFd:       proto.Int32(int32(images.Fd())),
		WorkDirFd:         proto.Int32(int32(images.Fd())),
		LogLevel:          proto.Int32(logErrors),
		LogFile:           proto.String(log),
		ManageCgroups:     proto.Bool(true),
		ManageCgroupsMode: rpc.CriuCgMode_IGNORE.Enum(),
		Unprivileged:      proto.Bool(e.mode == Unprivileged),
	}
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
