package proxy

import (
	"context"
	"strconv"
	"time"

	"github.com/pronghorn-faas/pronghorn/watchdog/gate"
)

// info is what is learned of a request on its way.
type info struct {
	start  time.Time
	pass   gate.Pass
	waited time.Duration
	status int
	length int64
	err    error
}

type infoKey struct{}

func withInfo(ctx context.Context) (context.Context, *info) {
	i := &info{start: time.Now()}
	return context.WithValue(ctx, infoKey{}, i), i
}

func infoFrom(ctx context.Context) *info {
	i, _ := ctx.Value(infoKey{}).(*info)
	return i
}

// elapsed is the time since the request came in, in seconds with 6 decimals.
func (i *info) elapsed() string {
	return strconv.FormatFloat(time.Since(i.start).Seconds(), 'f', 6, 64)
}
