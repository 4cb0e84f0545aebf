package backend

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"go.etcd.io/bbolt"
	bolterrors "go.etcd.io/bbolt/errors"

	"github.com/pronghorn-faas/pronghorn/kvstore"
)

// lockTimeout is how long opening waits for another process to let go of the
// file, as it does while it shuts down.
const lockTimeout = 500 * time.Millisecond

// batchDelay is how long a change waits for others to share its fsync with.
const batchDelay = time.Millisecond

// Buckets of the file.
const (
	functionsBucket = "functions"
	documentsBucket = "documents"
)

// file is the store over one bbolt file. A change has reached the disk when
// its call returns; changes that come together share one commit.
type file struct {
	pooled
	db  *bbolt.DB
	now func() time.Time
}

func openFile(path string, now func() time.Time) (*file, error) {
	path, err := filePath(path)
	if err != nil {
		return nil, err
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o750); err != nil {
		return nil, fmt.Errorf("open store file:%s: %w", path, err)
	}
	db, err := bbolt.Open(path, 0o600, &bbolt.Options{
		Timeout: lockTimeout, NoFreelistSync: true, FreelistType: bbolt.FreelistMapType,
	})
	if err != nil {
		return nil, fmt.Errorf("open store file:%s: %w", path, hintOpen(err))
	}
	db.MaxBatchDelay = batchDelay
	return newFile(db, now)
}

func newFile(db *bbolt.DB, now func() time.Time) (*file, error) {
	s := &file{db: db, now: now}
	s.pooled = pooled{s.changePool}
	err := db.Update(func(tx *bbolt.Tx) error {
		_, err := tx.CreateBucketIfNotExists([]byte(functionsBucket))
		if err == nil {
			_, err = tx.CreateBucketIfNotExists([]byte(documentsBucket))
		}
		return err
	})
	if err != nil {
		return nil, errors.Join(fmt.Errorf("prepare store file:%s: %w", db.Path(), err), db.Close())
	}
	return s, nil
}

// filePath takes what follows "file:", with or without an empty authority.
func filePath(path string) (string, error) {
	if rest, ok := strings.CutPrefix(path, "//"); ok {
		path = rest
		if !strings.HasPrefix(path, "/") {
			return "", fmt.Errorf("%w: store %q: a file is on this host: want file:PATH", kvstore.ErrInvalid, "file://"+rest)
		}
	}
	if path == "" {
		return "", fmt.Errorf("%w: store %q: want file:PATH", kvstore.ErrInvalid, "file:")
	}
	return filepath.Clean(path), nil
}

// hintOpen says what to do about an error of bbolt.Open.
func hintOpen(err error) error {
	switch {
	case errors.Is(err, bolterrors.ErrTimeout):
		return fmt.Errorf("another process has it open: stop that one, give this one a file of its own, "+
			"or let both use redis://: %w", err)
	case errors.Is(err, bolterrors.ErrInvalid), errors.Is(err, bolterrors.ErrChecksum), errors.Is(err, bolterrors.ErrVersionMismatch):
		return fmt.Errorf("not a store of this program, or damaged: move it away to start with an empty one: %w", err)
	}
	return err
}

func (s *file) Close() error {
	if err := s.db.Close(); err != nil {
		return fmt.Errorf("close store file:%s: %w", s.db.Path(), err)
	}
	return nil
}

// update runs one change; it may run it several times, and only the last
// result counts.
func (s *file) update(ctx context.Context, change func(tx *bbolt.Tx) error) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	return fileError(s.db.Batch(change))
}

func (s *file) view(ctx context.Context, read func(tx *bbolt.Tx) error) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	return fileError(s.db.View(read))
}

func fileError(err error) error {
	if errors.Is(err, bolterrors.ErrDatabaseNotOpen) {
		return fmt.Errorf("%w: the store's file is closed: %w", kvstore.ErrUnavailable, err)
	}
	return err
}

func (s *file) Functions(ctx context.Context) ([]string, error) {
	names := []string{}
	err := s.view(ctx, func(tx *bbolt.Tx) error {
		return tx.Bucket([]byte(functionsBucket)).ForEachBucket(func(name []byte) error {
			names = append(names, string(name))
			return nil
		})
	})
	return names, err
}

func (s *file) DeleteFunction(ctx context.Context, fn string) error {
	return s.update(ctx, func(tx *bbolt.Tx) error {
		err := tx.Bucket([]byte(functionsBucket)).DeleteBucket([]byte(fn))
		if errors.Is(err, bolterrors.ErrBucketNotFound) {
			return nil
		}
		return err
	})
}
