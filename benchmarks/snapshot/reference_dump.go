package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/minio/minio-go/v7"
)

// maxDumps bounds the tries: one that meets a connection which the function has
// not yet accepted fails.
const maxDumps = 50

// retryPause lets the function go on between two tries.
const retryPause = 20 * time.Millisecond

// dump runs CRIU until it succeeds, and sends the files of the image.
func (r *reference) dump(ctx context.Context, o order) (outcome, error) {
	var out outcome
	for {
		if err := o.settle(); err != nil {
			return out, err
		}
		l := newLaps()
		out.Began, out.Values = l.begin, l.values
		err := r.dumpOnce(ctx, o)
		l.lap("dump_ms")
		if err == nil {
			err = r.upload(ctx, l)
			return out, err
		}
		if out.Failed = append(out.Failed, err.Error()); len(out.Failed) == maxDumps {
			return out, fmt.Errorf("%d dumps failed, the last one with: %w", maxDumps, err)
		}
		time.Sleep(retryPause)
	}
}

// dumpOnce is the artifact's command, in an empty directory.
func (r *reference) dumpOnce(ctx context.Context, o order) error {
	if err := os.RemoveAll(r.DumpDir); err != nil {
		return err
	}
	if err := os.MkdirAll(r.DumpDir, 0o700); err != nil {
		return err
	}
	arguments := []string{"dump", "-t", strconv.Itoa(r.PID), "-v3", "--tcp-established", "--leave-running", "-D", r.DumpDir, "-o", "dump.log", o.Options}
	if err := r.shell(ctx, strings.TrimSpace(strings.Join(arguments, " "))); err != nil {
		return fmt.Errorf("%w: %w", err, tailOf(filepath.Join(r.DumpDir, "dump.log")))
	}
	return nil
}

// upload sends one file after the other.
func (r *reference) upload(ctx context.Context, l *laps) error {
	entries, err := os.ReadDir(r.DumpDir)
	if err != nil {
		return err
	}
	for _, e := range entries {
		if strings.HasSuffix(e.Name(), ".log") {
			continue
		}
		sent, err := r.objects.FPutObject(ctx, bucket, "uploads/"+e.Name(), filepath.Join(r.DumpDir, e.Name()), minio.PutObjectOptions{DisableMultipart: true})
		if err != nil {
			return fmt.Errorf("send %s: %w", e.Name(), err)
		}
		l.values["bytes"] += float64(sent.Size)
	}
	l.lap("upload_ms")
	l.total("total_ms")
	return os.RemoveAll(r.DumpDir)
}
