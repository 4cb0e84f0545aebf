package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"strings"
	"time"

	"github.com/minio/minio-go/v7"
)

// start fetches the files of the image, restores it and asks until the
// function answers.
func (r *reference) start(ctx context.Context, o order) (outcome, error) {
	if err := o.settle(); err != nil {
		return outcome{}, err
	}
	l := newLaps()
	names, err := r.list(ctx)
	if err != nil {
		return outcome{}, err
	}
	l.lap("list_ms")
	bytes, err := r.fetch(ctx, names)
	if err != nil {
		return outcome{}, err
	}
	l.lap("download_ms")
	if err := r.restore(ctx); err != nil {
		return outcome{}, err
	}
	l.lap("restore_ms")
	if err := r.awaitAnswer(ctx); err != nil {
		return outcome{}, err
	}
	l.lap("answer_ms")
	l.total("total_ms")
	l.values["bytes"] = float64(bytes)
	return outcome{Values: l.values}, nil
}

func (r *reference) list(ctx context.Context) ([]string, error) {
	var names []string
	for object := range r.objects.ListObjects(ctx, bucket, minio.ListObjectsOptions{Prefix: r.Prefix}) {
		if object.Err != nil {
			return nil, fmt.Errorf("list the image: %w", object.Err)
		}
		names = append(names, object.Key)
	}
	return names, nil
}

// fetch gets one file after the other.
func (r *reference) fetch(ctx context.Context, names []string) (bytes int64, err error) {
	if err := os.MkdirAll(r.ImageDir, 0o700); err != nil {
		return 0, err
	}
	for _, name := range names {
		n, err := r.fetchFile(ctx, name)
		if err != nil {
			return bytes, fmt.Errorf("fetch %s: %w", name, err)
		}
		bytes += n
	}
	return bytes, nil
}

func (r *reference) fetchFile(ctx context.Context, name string) (int64, error) {
	object, err := r.objects.GetObject(ctx, bucket, name, minio.GetObjectOptions{})
	if err != nil {
		return 0, err
	}
	defer object.Close()
	f, err := os.Create(filepath.Join(r.ImageDir, path.Base(name)))
	if err != nil {
		return 0, err
	}
	n, err := io.Copy(f, object)
	return n, errors.Join(err, f.Close())
}

// restore runs CRIU. The function's output goes to pipes that this process
// reads, as that of a container would.
func (r *reference) restore(ctx context.Context) error {
	arguments := []string{"restore", "--restore-detached", "--tcp-close", "-v3", "-D", r.ImageDir, "-o", "restore.log"}
	var files []*os.File
	pipes := []string{r.Stdout}
	if r.Stderr != r.Stdout {
		pipes = append(pipes, r.Stderr)
	}
	for i, pipe := range pipes {
		out, in, err := os.Pipe()
		if err != nil {
			return err
		}
		defer in.Close()
		go func() { _, _ = io.Copy(io.Discard, out) }()
		files = append(files, in)
		arguments = append(arguments, fmt.Sprintf("--inherit-fd 'fd[%d]:%s'", 3+i, pipe))
	}
	if err := r.shell(ctx, strings.Join(arguments, " "), files...); err != nil {
		return errors.Join(err, tailOf(filepath.Join(r.ImageDir, "restore.log")))
	}
	return nil
}

// shell runs CRIU as a script does.
func (r *reference) shell(ctx context.Context, arguments string, files ...*os.File) error {
	cmd := exec.CommandContext(ctx, "sh", "-c", r.CRIU+" "+arguments)
	cmd.ExtraFiles = files
	if err := cmd.Run(); err != nil { // its output is in a log
		return fmt.Errorf("criu %s: %w", arguments, err)
	}
	return nil
}

// tailOf is the end of CRIU's log, as an error.
func tailOf(log string) error {
	raw, err := os.ReadFile(log)
	if err != nil {
		return err
	}
	var told []string
	for line := range strings.Lines(string(raw)) {
		if strings.Contains(line, "Error") {
			told = append(told, strings.TrimSpace(line))
		}
	}
	return errors.New(strings.Join(told, "; "))
}

// awaitAnswer asks the function until it answers.
func (r *reference) awaitAnswer(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, upWithin)
	defer cancel()
	client := http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	for {
		req, err := http.NewRequestWithContext(ctx, http.MethodGet, r.Request, nil)
		if err != nil {
			return err
		}
		resp, err := client.Do(req)
		if err == nil {
			_, err = io.Copy(io.Discard, resp.Body)
			_ = resp.Body.Close()
		}
		if err == nil {
			return nil
		}
		select {
		case <-time.After(dialPace):
		case <-ctx.Done():
			return fmt.Errorf("the restored function does not answer: %w", err)
		}
	}
}
