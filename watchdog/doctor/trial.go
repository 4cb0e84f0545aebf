package doctor

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strconv"
	"sync"
	"time"

	"github.com/pronghorn-faas/pronghorn/snapshot"
	"github.com/pronghorn-faas/pronghorn/snapshot/criu"
	"github.com/pronghorn-faas/pronghorn/watchdog/lifetime"
	"github.com/pronghorn-faas/pronghorn/watchdog/process"
)

const (
	// trialTime bounds each step of the trial.
	trialTime = 10 * time.Second
	// highPID is above the ids of this program, beside those of functions.
	highPID = 24001
	// counterPace is how fast the counter counts.
	counterPace = 5 * time.Millisecond
)

// Count writes 1, 2, 3, … to w, a number a line, until ctx ends.
func Count(ctx context.Context, w io.Writer) error {
	for n := 1; ; n++ {
		if _, err := fmt.Fprintln(w, n); err != nil {
			return err
		}
		select {
		case <-time.After(counterPace):
		case <-ctx.Done():
			return nil
		}
	}
}

// trial takes a snapshot of a process that counts, kills it, and restores it:
// it has to go on where it was.
func (d *doctor) trial(ctx context.Context) Check {
	const name = "trial"
	switch {
	case !d.works:
		return skipped(name, "CRIU may not be used here")
	case len(d.Counter) == 0 || d.StagingDir == "":
		return skipped(name, "not asked for")
	}
	detail, err := d.dumpAndRestore(ctx)
	if err != nil {
		return failed(name, err, "the reason is CRIU's; docs/privileges.md lists those that are known")
	}
	return ok(name, detail)
}

func (d *doctor) dumpAndRestore(ctx context.Context) (detail string, err error) {
	// What this program has got from a shell is not the counter's to have: files
	// of other mount namespaces cannot be dumped.
	if err := process.CloseOnExec(); err != nil {
		return "", err
	}
	dir, err := stage(d.StagingDir)
	if err != nil {
		return "", err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	counted := &counter{}
	image, dumped, err := d.dumpCounter(ctx, dir, counted)
	if err != nil {
		return "", err
	}
	before := counted.value()
	begin := time.Now()
	restored, err := d.restore(ctx, dir, image, counted)
	if err != nil {
		return "", err
	}
	took := time.Since(begin)
	defer restored.Kill()
	if err := counted.await(ctx, before+1); err != nil {
		return "", fmt.Errorf("the restored process does not go on: %w", err)
	}
	return fmt.Sprintf("a process was dumped in %d ms, killed, restored in %d ms, and went on where it was", dumped.Milliseconds(), took.Milliseconds()), nil
}

// dumpCounter starts the counter, dumps it into dir, and kills it.
func (d *doctor) dumpCounter(ctx context.Context, dir string, out *counter) (snapshot.Process, time.Duration, error) {
	ctx, cancel := context.WithTimeout(ctx, trialTime)
	defer cancel()
	p, err := process.StartCold(process.Command{Args: d.Counter, Env: os.Environ(), PID: d.trialPID()}, &d.pids, out.output())
	if err != nil {
		return snapshot.Process{}, 0, err
	}
	defer p.Kill()
	if err := out.await(ctx, 3); err != nil {
		return snapshot.Process{}, 0, fmt.Errorf("the process that is to be dumped does not run: %w", err)
	}
	begin := time.Now()
	image, err := d.engine.Dump(ctx, p.PID(), dir)
	return image, time.Since(begin), err
}

// trialPID is the process id of the trial's process. Where ids would have to be
// used up the next one does as well: all that follow are above it.
func (d *doctor) trialPID() int {
	if way, _ := d.pids.Choose(); way == criu.UsedUp {
		return 0
	}
	return highPID
}

func (d *doctor) restore(ctx context.Context, dir string, image snapshot.Process, out *counter) (*process.Process, error) {
	ctx, cancel := context.WithTimeout(ctx, trialTime)
	defer cancel()
	restoring, err := process.PrepareRestore(ctx, lifetime.NewCRIU(d.engine), &d.pids, out.output())
	if err != nil {
		return nil, err
	}
	return restoring.Run(ctx, dir, image, nil)
}

// counter keeps the last number that a process has written.
type counter struct {
	mu   sync.Mutex
	rest []byte
	last int
}

func (c *counter) output() process.Output { return process.Output{Stdout: c, Stderr: io.Discard} }

// Write implements io.Writer.
func (c *counter) Write(p []byte) (int, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.rest = append(c.rest, p...)
	for {
		line, rest, found := bytes.Cut(c.rest, []byte("\n"))
		if !found {
			return len(p), nil
		}
		if n, err := strconv.Atoi(string(line)); err == nil {
			c.last = n
		}
		c.rest = rest
	}
}

func (c *counter) value() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.last
}

// await waits until at least n was written.
func (c *counter) await(ctx context.Context, n int) error {
	ctx, cancel := context.WithTimeout(ctx, trialTime)
	defer cancel()
	for c.value() < n {
		select {
		case <-time.After(counterPace):
		case <-ctx.Done():
			return fmt.Errorf("it wrote %d, and not %d, within %s", c.value(), n, trialTime)
		}
	}
	return nil
}
