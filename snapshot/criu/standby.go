package criu

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/checkpoint-restore/go-criu/v7/rpc"
	"google.golang.org/protobuf/proto"

	"github.com/pronghorn-faas/pronghorn/internal/background"
)

// standByTime is when a CRIU that has a request and does not get ready for it
// is taken to hang.
const standByTime = 5 * time.Second

// standBy sends the request for a dump and returns when CRIU has done for it
// what comes before the process is touched: it has taken the options apart and
// looked at the kernel, which takes some ms, and asks whether to go on. Then
// the answer is a notification; any other is the request's own, a refusal.
func (w *worker) standBy(ctx context.Context, req *rpc.CriuReq) answer {
	ctx, cancel := context.WithTimeoutCause(ctx, standByTime, fmt.Errorf("CRIU did not get ready within %s", standByTime))
	defer cancel()
	defer context.AfterFunc(ctx, w.kill)()
	req.Opts.NotifyScripts = proto.Bool(true)
	if err := w.write(req); err != nil {
		return answer{err: err}
	}
	resp, err := w.receive()
	if err != nil && ctx.Err() != nil {
		err = context.Cause(ctx)
	}
	w.standing = err == nil && resp.GetType() == rpc.CriuReqType_NOTIFY
	return answer{resp, err}
}

// proceed lets a CRIU that stands by go on. The channel gets the one answer to
// its request, whatever happens to CRIU, which asks twice more on its way: what
// files there are that it should know of, and whether the process may run on.
func (w *worker) proceed() (<-chan answer, error) {
	w.standing = false
	if err := w.goOn(true); err != nil {
		return nil, err
	}
	answers := make(chan answer, 1)
	go func() { answers <- w.await() }()
	return answers, nil
}

// await waits for the answer to a request, and answers what CRIU asks before.
// Why it was told not to go on is part of the error.
func (w *worker) await() answer {
	var refused error
	for {
		resp, err := w.receive()
		if err != nil {
			return answer{err: errors.Join(refused, err)}
		}
		if resp.GetType() != rpc.CriuReqType_NOTIFY {
			background.GiveWay(w.cmd.Process.Pid) // to end takes it a ms or two, in which the function could answer
			return answer{resp, refused}
		}
		var why error
		if w.asks != nil {
			why = w.asks(resp.GetNotify().GetScript())
		}
		refused = errors.Join(refused, why)
		_ = w.goOn(why == nil) // if CRIU is not there any more the next look says so
	}
}

// goOn answers a notification.
func (w *worker) goOn(yes bool) error {
	return w.write(&rpc.CriuReq{Type: rpc.CriuReqType_NOTIFY.Enum(), NotifySuccess: proto.Bool(yes)})
}
