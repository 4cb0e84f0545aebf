package criu

import (
	"context"
	"errors"
	"fmt"
	"os"

	"github.com/checkpoint-restore/go-criu/v7/rpc"
	"golang.org/x/sys/unix"
	"google.golang.org/protobuf/proto"
)

// socketFD is where `criu swrk` finds the socket of the protocol; the files
// that an operation hands over follow it.
const socketFD = 3

// maxMessage bounds an answer of CRIU, in bytes.
const maxMessage = 1 << 20

// call starts `criu swrk`, sends one request and returns the answer. The files
// become descriptors 4, 5, … of CRIU. A call whose context ends kills CRIU.
func (b Binary) call(ctx context.Context, req *rpc.CriuReq, files ...*os.File) (*rpc.CriuResp, error) {
	ours, theirs, err := seqpacket()
	if err != nil {
		return nil, fmt.Errorf("criu swrk: %w", err)
	}
	defer ours.Close()
	cmd := b.command(ctx, "swrk", fmt.Sprint(socketFD))
	cmd.ExtraFiles = append([]*os.File{theirs}, files...)
	err = cmd.Start()
	_ = theirs.Close() // CRIU has its own copy
	if err != nil {
		return nil, fmt.Errorf("%w: start criu swrk: %w", ErrUnavailable, err)
	}
	resp, err := exchange(ours, req)
	_ = ours.Close() // tells CRIU that nothing follows
	exit := cmd.Wait()
	switch {
	case ctx.Err() != nil:
		return nil, fmt.Errorf("criu swrk: %w", context.Cause(ctx))
	case err != nil:
		return nil, errors.Join(fmt.Errorf("criu swrk: %w", err), exit)
	}
	return resp, nil
}

func exchange(sock *os.File, req *rpc.CriuReq) (*rpc.CriuResp, error) {
	raw, err := proto.Marshal(req)
	if err != nil {
		return nil, fmt.Errorf("encode the request: %w", err)
	}
	if _, err := sock.Write(raw); err != nil {
		return nil, fmt.Errorf("send the request: %w", err)
	}
	answer := make([]byte, maxMessage)
	n, err := sock.Read(answer)
	if err != nil {
		return nil, fmt.Errorf("CRIU ended without an answer: %w", err)
	}
	resp := &rpc.CriuResp{}
	if err := proto.Unmarshal(answer[:n], resp); err != nil {
		return nil, fmt.Errorf("decode the answer: %w", err)
	}
	return resp, nil
}

func seqpacket() (ours, theirs *os.File, err error) {
	fds, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_SEQPACKET|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return nil, nil, err
	}
	return os.NewFile(uintptr(fds[0]), "criu"), os.NewFile(uintptr(fds[1]), "criu"), nil
}
