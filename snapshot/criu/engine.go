package criu

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync"

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
	// key is kdatKey, once: CRIU's whole program is in it.
	key func() (string, error)
}

// NewEngine returns an engine that uses bin, in privileged mode.
func NewEngine(bin Binary) *Engine { return newEngine(bin, Privileged) }

// In returns an engine like this one in another mode, which Probe finds out.
func (e *Engine) In(m Mode) *Engine { return newEngine(e.bin, m) }

func newEngine(bin Binary, m Mode) *Engine {
	e := &Engine{bin: bin, mode: m}
	e.key = sync.OnceValues(e.kdatKey)
	return e
}

// start starts a CRIU that waits for its request.
func (e *Engine) start(files ...*os.File) (*worker, error) {
	return e.bin.start(e.env(), e.global(), files...)
}

// global are the options in front of CRIU's command. An operation has its own
// in its request; what CRIU finds out about the kernel ahead of it does not.
func (e *Engine) global() []string {
	if e.mode == Unprivileged {
		return []string{"--unprivileged"}
	}
	return nil
}

// noPath has no programs in it, nor ever will.
const noPath = "PATH=/dev/null"

// env is CRIU's environment. To find out about the kernel CRIU executes
// iptables, three times, which we have no use for, but not if there is none.
// Nothing else is executed in our operations. Only a CRIU that somebody else
// has put there may be a script, which needs its PATH.
func (e *Engine) env() []string {
	env := os.Environ()
	if e.bin.own {
		env = append(env, noPath)
	}
	if e.mode == Unprivileged && private(runtimeDir()) {
		env = append(env, "XDG_RUNTIME_DIR="+runtimeDir())
	}
	return env
}

// dumpEnv is CRIU's environment for a dump: it looks up the functions of its
// libraries as it starts and not while the process is frozen, and does without
// GnuTLS, which we never ask for and which is taken down at CRIU's end, when the
// first request is to be answered. Of 730 page faults of a CRIU 100 are left
// out, 50 of them of those from the word to its end.
func (e *Engine) dumpEnv() []string {
	return append(e.env(), "LD_BIND_NOW=1", "GNUTLS_NO_IMPLICIT_INIT=1")
}

// Check asks CRIU whether the kernel has what it needs and the caller the
// rights. The error wraps ErrUnavailable and carries CRIU's reason.
func (e *Engine) Check(ctx context.Context) error {
	cmd := e.bin.command(ctx, append(e.global(), "check")...)
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
	resp, err := e.call(ctx, &rpc.CriuReq{Type: rpc.CriuReqType_DUMP.Enum(), Opts: e.dumpOptions(images, pid)})
	if err == nil {
		err = failure(resp, filepath.Join(dir, dumpLog))
	}
	if err != nil {
		return snapshot.Process{}, fmt.Errorf("dump process %d: %w", pid, err)
	}
	return process, nil
}

// dumpOptions are those of a dump that does not touch the connections of a
// process, which keeps them: a restore closes them in any case. What CRIU would
// note of them it gets by changing them, which takes NET_ADMIN even for one that
// the process has shut down and not closed yet.
func (e *Engine) dumpOptions(images *os.File, pid int) *rpc.CriuOpts {
	opts := e.options(images, dumpLog)
	opts.Pid = proto.Int32(int32(pid))
	opts.LeaveRunning = proto.Bool(true)
	opts.TcpClose = proto.Bool(true)
	opts.TcpSkipInFlight = proto.Bool(true)
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
