package criu

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/checkpoint-restore/go-criu/v7/rpc"
	"google.golang.org/protobuf/proto"

	"github.com/pronghorn-faas/pronghorn/snapshot"
)

// ErrDamaged says that a dump had to be cut off by force: what it left of the
// process is not to be trusted, the caller should end it.
var ErrDamaged = errors.New("the process may be damaged")

// giveUpTime is how long CRIU gets to let the process go after it was told to
// give up. Measured over 650 times: some ms mostly, since a dump has no more
// than that left, and 0.8 s at worst, on two CPUs with a load of 11.
const giveUpTime = 5 * time.Second

// DumpOptions say where a dump keeps what it makes.
type DumpOptions struct {
	// Dir is an empty directory for CRIU's metadata images and its log, a few
	// hundred KB, and for the pages that do not go into memory, whose file has
	// no name there. It is not needed any more once Run has returned and the
	// image is closed.
	Dir string
	// MaxMemory bounds the memory that the pages may take, in bytes; what is
	// free in the container and on the machine bounds it, too. 0 = no memory,
	// all pages go to Dir.
	MaxMemory int64
}

// Dump is a dump that is prepared: CRIU knows what to do and waits for the
// word, memory for the pages is there. Run it once, ask for its image, and
// close it in any case.
type Dump struct {
	engine  *Engine
	pid     int
	process snapshot.Process
	dir     *os.File
	store   *store
	server  *pageServer
	worker  *worker
	taken   bool // by Run, and not handed out yet
}

// PrepareDump does everything for a dump of the process tree under pid that
// can be done while it serves requests. The caller makes sure that its
// standard input is /dev/null and that it writes to pipes of the caller.
func (e *Engine) PrepareDump(ctx context.Context, pid int, o DumpOptions) (*Dump, error) {
	d := &Dump{engine: e, pid: pid}
	if err := d.prepare(ctx, o); err != nil {
		return nil, errors.Join(fmt.Errorf("prepare the dump of process %d: %w", pid, err), d.Close())
	}
	return d, nil
}

func (d *Dump) prepare(ctx context.Context, o DumpOptions) error {
	var err error
	if d.process, err = Describe(d.pid); err != nil {
		return err
	}
	if d.dir, err = os.Open(o.Dir); err != nil {
		return err
	}
	limit, expected := memoryFor(d.pid, o.MaxMemory)
	if err := ctx.Err(); err != nil {
		return err
	}
	if d.store, err = newStore(o.Dir, limit, expected); err != nil {
		return err
	}
	if d.server, err = newPageServer(d.store); err != nil {
		return err
	}
	defer d.server.started() // CRIU has its own copy by then
	for _, bin := range d.engine.bin.nearClockOf(d.pid) {
		if err = d.begin(ctx, bin); err == nil || ctx.Err() != nil {
			return err
		}
	}
	return err
}

// begin starts bin and lets it get ready.
func (d *Dump) begin(ctx context.Context, bin Binary) error {
	var err error
	if d.worker, err = bin.start(d.engine.dumpEnv(), d.engine.global(), d.server.theirs); err != nil {
		return err
	}
	if err = d.refusal(d.worker.standBy(ctx, d.request())); err != nil {
		d.worker.close()
		d.worker = nil
	}
	return err
}

// refusal says why CRIU does not stand by; nil = it does.
func (d *Dump) refusal(a answer) error {
	switch {
	case a.err != nil:
		return a.err
	case a.resp.GetType() == rpc.CriuReqType_NOTIFY:
		return nil
	}
	return failure(a.resp, d.log())
}

func (d *Dump) log() string { return filepath.Join(d.dir.Name(), dumpLog) }

// InMemory reports whether the pages will be kept in memory.
func (d *Dump) InMemory() bool { return len(d.store.mem) > 0 }

// Run takes the image of the process, which runs on when it returns. Nobody
// may be connected to it meanwhile. What is left to do with the image waits for
// Image: it need not keep anybody from the process.
//
// When ctx ends first the dump is given up: CRIU takes back what it did to the
// process and lets it run on, undamaged, at the latest when it would have been
// done. Only if it does not within 5 s is it killed, and the error wraps
// ErrDamaged.
func (d *Dump) Run(ctx context.Context) error {
	if err := d.run(ctx); err != nil {
		return fmt.Errorf("dump process %d: %w", d.pid, err)
	}
	d.taken = true
	return nil
}

func (d *Dump) run(ctx context.Context) error {
	if err := ctx.Err(); err != nil {
		return context.Cause(ctx)
	}
	answers, err := d.worker.proceed()
	if err != nil {
		return err
	}
	var a answer
	select {
	case a = <-answers:
	case <-ctx.Done():
		if a, err = d.giveUp(ctx, answers); err != nil {
			return err
		}
	}
	return d.outcome(a)
}

// giveUp makes CRIU fail and waits for its answer. A dump that was all but
// done may still succeed.
func (d *Dump) giveUp(ctx context.Context, answers <-chan answer) (answer, error) {
	d.server.stop()
	select {
	case a := <-answers:
		switch {
		case a.err != nil: // it died over it, and with it what it was to undo
			return a, fmt.Errorf("%w: %w: %w", ErrDamaged, context.Cause(ctx), a.err)
		case !a.resp.GetSuccess():
			return a, fmt.Errorf("given up: %w", context.Cause(ctx))
		}
		return a, nil
	case <-time.After(giveUpTime):
		d.worker.kill()
		return answer{}, fmt.Errorf("%w: CRIU did not let it go within %s after %w", ErrDamaged, giveUpTime, context.Cause(ctx))
	}
}

// request asks for a dump whose pages go to descriptor 4.
func (d *Dump) request() *rpc.CriuReq {
	opts := d.engine.dumpOptions(d.dir, d.pid)
	opts.Ps = &rpc.CriuPageServerInfo{Fd: proto.Int32(socketFD + 1)}
	return &rpc.CriuReq{Type: rpc.CriuReqType_DUMP.Enum(), Opts: opts}
}

var errNoImage = errors.New("there is no image: the dump was not run, has failed or is closed, or its image was handed out already")

// Image returns the image that Run has taken, whose pages are in memory or in a
// file, and what a restorer must know. It is handed out once and outlives the
// dump.
func (d *Dump) Image() (*snapshot.Image, snapshot.Process, error) {
	if !d.taken || d.store == nil {
		return nil, snapshot.Process{}, fmt.Errorf("image of process %d: %w", d.pid, errNoImage)
	}
	img, process, err := d.image()
	if err != nil {
		return nil, snapshot.Process{}, fmt.Errorf("image of process %d: %w", d.pid, err)
	}
	return img, process, nil
}

// image puts together what CRIU wrote and what it sent.
func (d *Dump) image() (*snapshot.Image, snapshot.Process, error) {
	img, err := snapshot.OpenImage(d.dir.Name())
	if err != nil {
		return nil, d.process, err
	}
	d.server.stream.addTo(img, d.store)
	slices.SortFunc(img.Files, func(a, b snapshot.ImageFile) int { return strings.Compare(a.Name, b.Name) })
	slices.SortFunc(img.Pages, func(a, b snapshot.ImagePages) int { return strings.Compare(a.Name, b.Name) })
	process, err := describeImage(img, d.process)
	if err != nil {
		return nil, d.process, err
	}
	d.engine.addLearned(img)
	img.Times = func() ([][]snapshot.Time, error) { return timesOf(img) }
	img.LeaveOutZeros = d.server.stream.leaveOutZeros(img, d.store)
	img.Release = d.store.Close
	d.store = nil // it is the image's now
	return img, process, nil
}

// outcome says why there is no image; nil = there is one.
func (d *Dump) outcome(a answer) error {
	if a.err != nil {
		return fmt.Errorf("%w: %w", ErrDamaged, a.err)
	}
	err := failure(a.resp, d.log())
	if err != nil {
		d.server.stop() // CRIU sends nothing any more
	}
	<-d.server.done
	switch why := d.server.err; {
	case err == nil:
		return why
	case why == nil || errors.Is(why, errTruncated): // which follows from CRIU's failure
		return err
	default: // which CRIU's failure follows from
		return fmt.Errorf("%w: %w", why, err)
	}
}

// Close ends CRIU and frees the memory, unless the image has it.
func (d *Dump) Close() error {
	var errs []error
	if d.server != nil {
		d.server.close()
	}
	if d.worker != nil {
		d.worker.close()
	}
	if d.store != nil {
		errs = append(errs, d.store.Close())
	}
	if d.dir != nil {
		errs = append(errs, d.dir.Close())
	}
	d.server, d.worker, d.store, d.dir = nil, nil, nil, nil
	return errors.Join(errs...)
}
