package criu

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"time"

	"github.com/checkpoint-restore/go-criu/v7/rpc"
	"golang.org/x/sys/unix"
	"google.golang.org/protobuf/proto"
)

// socketFD is where `criu swrk` finds the socket of the protocol; the files
// that an operation hands over follow it.
const socketFD = 3

// maxMessage bounds an answer of CRIU, in bytes: some hundred, and a message of
// its error.
const maxMessage = 64 << 10

// worker is a `criu swrk` that waits for its request: one, but for those that
// say that another follows. Starting it takes some ms, most of which are its
// libraries, so it is started ahead of its use.
type worker struct {
	cmd  *exec.Cmd
	sock *os.File
	// standing is set while CRIU stands by; see standBy.
	standing bool
	// asks is asked whether CRIU may go on at a stage of a request with
	// notifications; nil = it may.
	asks func(stage string) error
	// message is where an answer is read to.
	message [maxMessage]byte
	// exited is closed when CRIU has ended and was reaped; err says how.
	exited chan struct{}
	err    error
}

// start starts `criu swrk`. The files become descriptors 4, 5, … of CRIU.
func (b Binary) start(env, global []string, files ...*os.File) (*worker, error) {
	ours, theirs, err := seqpacket()
	if err != nil {
		return nil, fmt.Errorf("criu swrk: %w", err)
	}
	w := &worker{cmd: b.command(context.Background(), append(global, "swrk", fmt.Sprint(socketFD))...), sock: ours, exited: make(chan struct{})}
	w.cmd.Env = env
	w.cmd.ExtraFiles = append([]*os.File{theirs}, files...)
	err = w.cmd.Start()
	_ = theirs.Close() // CRIU has its own copy
	if err != nil {
		_ = ours.Close()
		return nil, fmt.Errorf("%w: start criu swrk: %w", ErrUnavailable, err)
	}
	go func() {
		w.err = w.cmd.Wait()
		close(w.exited)
	}()
	return w, nil
}

// answer is what came of a request.
type answer struct {
	resp *rpc.CriuResp
	err  error
}

// send sends the request. The channel gets one answer, whatever happens to
// CRIU.
func (w *worker) send(req *rpc.CriuReq) (<-chan answer, error) {
	if err := w.write(req); err != nil {
		return nil, err
	}
	answers := make(chan answer, 1)
	go func() { answers <- w.await() }()
	return answers, nil
}

func (w *worker) write(req *rpc.CriuReq) error {
	raw, err := proto.Marshal(req)
	if err != nil {
		return fmt.Errorf("encode the request: %w", err)
	}
	if _, err := w.sock.Write(raw); err != nil {
		return fmt.Errorf("send the request: %w", err)
	}
	return nil
}

func (w *worker) receive() (*rpc.CriuResp, error) {
	n, err := w.sock.Read(w.message[:])
	if err != nil {
		<-w.exited
		return nil, errors.Join(fmt.Errorf("CRIU ended without an answer: %w", err), w.err)
	}
	resp := &rpc.CriuResp{}
	if err := proto.Unmarshal(w.message[:n], resp); err != nil {
		return nil, fmt.Errorf("decode the answer: %w", err)
	}
	return resp, nil
}

// call sends the request and waits for the answer. A call whose context ends
// kills CRIU.
func (w *worker) call(ctx context.Context, req *rpc.CriuReq) (*rpc.CriuResp, error) {
	answers, err := w.send(req)
	if err != nil {
		return nil, fmt.Errorf("criu swrk: %w", err)
	}
	select {
	case a := <-answers:
		if a.err != nil {
			return nil, fmt.Errorf("criu swrk: %w", a.err)
		}
		return a.resp, nil
	case <-ctx.Done():
		w.kill()
		return nil, fmt.Errorf("criu swrk: %w", context.Cause(ctx))
	}
}

// exitTime is how long a CRIU that has answered, or was not asked, gets to end
// by itself.
const exitTime = 2 * time.Second

// close ends CRIU: one that waits for a request, or has answered one, does so
// by itself when nothing follows. One that stands by has touched nothing and is
// killed, lest it clean up. It does not wait for the end.
func (w *worker) close() {
	if w.standing {
		_ = w.cmd.Process.Kill() // what it says is that it has ended already
	}
	_ = w.sock.Close()
	go func() {
		select {
		case <-w.exited:
		case <-time.After(exitTime):
			w.kill()
		}
	}()
}

// kill ends CRIU at once and waits for its end.
func (w *worker) kill() {
	_ = w.cmd.Process.Kill()
	<-w.exited
}

// call starts `criu swrk`, sends one request and returns the answer.
func (e *Engine) call(ctx context.Context, req *rpc.CriuReq, files ...*os.File) (*rpc.CriuResp, error) {
	w, err := e.start(files...)
	if err != nil {
		return nil, err
	}
	defer w.close()
	return w.call(ctx, req)
}

func seqpacket() (ours, theirs *os.File, err error) {
	fds, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_SEQPACKET|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return nil, nil, err
	}
	if err := unix.SetNonblock(fds[0], true); err != nil { // so that closing it ends a read
		_ = unix.Close(fds[0])
		_ = unix.Close(fds[1])
		return nil, nil, err
	}
	return os.NewFile(uintptr(fds[0]), "criu"), os.NewFile(uintptr(fds[1]), "criu"), nil
}
