package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"os"
	"time"

	"github.com/minio/minio-go/v7"
	"github.com/minio/minio-go/v7/pkg/credentials"

	"github.com/pronghorn-faas/pronghorn/internal/httpx"
	"github.com/pronghorn-faas/pronghorn/internal/minioserver"
)

// referenceRole is the argument that makes this program the reference: it runs
// inside a sandbox, in the place of the artifact's agent, and is told what to
// do by HTTP.
const referenceRole = "reference"

// referenceEnv holds the reference's settings, as JSON.
const referenceEnv = "PRONGHORN_REFERENCE"

// bucket is where the reference's image files are.
const bucket = "artifact"

// reference does what the published artifact does: it moves the files of an
// image one after the other and runs CRIU from the command line.
type reference struct {
	// CRIU is the command line in front of the arguments.
	CRIU string `json:"criu"`
	// Store is the object store's HOST:PORT, Prefix what the names of the
	// image's objects start with.
	Store  string `json:"store"`
	Prefix string `json:"prefix"`
	// Request is the URL that is asked until the function answers.
	Request string `json:"request"`
	// PID, Stdout and Stderr are those of the image.
	PID    int    `json:"pid"`
	Stdout string `json:"stdout"`
	Stderr string `json:"stderr"`
	// ImageDir is where images are fetched to, DumpDir where they are dumped to.
	ImageDir string `json:"image_dir"`
	DumpDir  string `json:"dump_dir"`

	objects *minio.Client
}

// order is what the reference is told.
type order struct {
	// Kdat leaves CRIU's cache of the kernel's features where it is. A new
	// container has none.
	Kdat bool `json:"kdat"`
	// Options are further ones of `criu dump`.
	Options string `json:"options"`
}

// outcome is how long the steps took, in ms, and what else was counted.
type outcome struct {
	Values map[string]float64 `json:"values"`
	// Began is when the dump that succeeded began; Failed says why earlier
	// ones failed.
	Began  time.Time `json:"began,omitzero"`
	Failed []string  `json:"failed,omitempty"`
}

func serveReference() error {
	r := &reference{}
	if err := json.Unmarshal([]byte(os.Getenv(referenceEnv)), r); err != nil {
		return fmt.Errorf("%s: %w", referenceEnv, err)
	}
	var err error
	r.objects, err = minio.New(r.Store, &minio.Options{Creds: credentials.NewStaticV4(minioserver.User, minioserver.Password, ""), Region: "us-east-1"})
	if err != nil {
		return err
	}
	ln, err := net.Listen("tcp", referenceAddr)
	if err != nil {
		return err
	}
	mux := http.NewServeMux()
	mux.Handle("POST /seed", handle(r.seed))
	mux.Handle("POST /start", handle(r.start))
	mux.Handle("POST /dump", handle(r.dump))
	return httpx.Serve(context.Background(), ln, mux)
}

// handle turns an order into an outcome.
func handle(do func(context.Context, order) (outcome, error)) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		var o order
		err := json.NewDecoder(req.Body).Decode(&o)
		var out outcome
		if err == nil {
			out, err = do(req.Context(), o)
		}
		if err != nil {
			slog.Error("reference", "error", err)
			http.Error(w, err.Error(), http.StatusUnprocessableEntity)
			return
		}
		httpx.WriteJSON(w, out)
	})
}

// kdat is where CRIU keeps what it found out about the kernel.
const kdat = "/run/criu.kdat"

// seed makes CRIU fill the cache.
func (r *reference) seed(ctx context.Context, _ order) (outcome, error) {
	return outcome{}, r.shell(ctx, "check")
}

// settle removes the cache unless the order says otherwise.
func (o order) settle() error {
	if o.Kdat {
		return nil
	}
	if err := os.Remove(kdat); err != nil && !errors.Is(err, os.ErrNotExist) {
		return err
	}
	return nil
}

// laps measures one step after the other.
type laps struct {
	begin, last time.Time
	values      map[string]float64
}

func newLaps() *laps {
	now := time.Now()
	return &laps{now, now, map[string]float64{}}
}

func (l *laps) lap(name string) {
	now := time.Now()
	l.values[name] = milliseconds(now.Sub(l.last))
	l.last = now
}

func (l *laps) total(name string) { l.values[name] = milliseconds(time.Since(l.begin)) }

func milliseconds(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }
