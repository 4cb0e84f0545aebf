package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/pronghorn-faas/pronghorn/internal/minioserver"
	"github.com/pronghorn-faas/pronghorn/snapshot/criu"
)

// stage is all that runs for one runtime.
type stage struct {
	o         options
	cpus      cpuPlan
	minio     *minioserver.Server
	control   *control
	function  assembled
	reference reference
	dir       string // of everything
	deepest   int    // request number of the lineage's last snapshot
	result    *result
}

// openStage assembles the function and starts the services.
func openStage(ctx context.Context, o options, cpus cpuPlan, runtime, work string) (*stage, error) {
	s := &stage{o: o, cpus: cpus, dir: filepath.Join(work, runtime), result: &result{}}
	for _, dir := range []string{"function", "minio", "cache", "empty"} {
		if err := os.MkdirAll(filepath.Join(s.dir, dir), 0o755); err != nil {
			return nil, err
		}
	}
	var err error
	if s.function, err = assemble(ctx, o.assembler, o.functions[runtime], filepath.Join(s.dir, "function")); err != nil {
		return nil, err
	}
	program, err := minioserver.Find()
	if err != nil {
		return nil, err
	}
	if s.minio, err = minioserver.New(program, filepath.Join(s.dir, "minio")); err != nil {
		return nil, err
	}
	if err := s.minio.Restart(); err != nil {
		return nil, err
	}
	if err := s.openServices(ctx); err != nil {
		return nil, errors.Join(err, s.close())
	}
	return s, nil
}

func (s *stage) openServices(ctx context.Context) error {
	bin, err := criu.Find(s.o.criu)
	if err != nil {
		return err
	}
	s.reference = s.newReference(bin.Full().String())
	s.control, err = startControl(ctx, "file:"+filepath.Join(s.dir, "kv.db"), s.minio.Bucket("checkpoints"))
	return err
}

func (s *stage) close() error {
	var err error
	if s.control != nil {
		err = s.control.Close()
	}
	s.minio.Stop()
	return err
}

// cache is the node's cache that has everything.
func (s *stage) cache() string { return filepath.Join(s.dir, "cache") }

// emptyCache is one that has nothing.
func (s *stage) emptyCache() (string, error) {
	dir := filepath.Join(s.dir, "empty")
	if err := os.RemoveAll(dir); err != nil {
		return "", err
	}
	return dir, os.MkdirAll(dir, 0o755)
}

func (s *stage) say(format string, args ...any) {
	fmt.Fprintf(os.Stderr, s.function.name+": "+format+"\n", args...)
}
