// Package pool implements the object pool of package snapshot over a directory
// and over S3.
package pool

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/pronghorn-faas/pronghorn/snapshot"
)

// Forms says what Open takes, for help texts and errors.
const Forms = "dir:PATH or s3://[KEY:SECRET@]HOST[:PORT]/BUCKET[/PREFIX][?insecure=true&region=NAME&public=URL]"

// ErrURL says that a pool's URL is not one of Forms.
var ErrURL = errors.New("invalid pool URL")

// Open opens the pool at url, of one of Forms:
//
//   - dir:PATH is a directory, which is made when it is missing. Uploads that
//     were interrupted more than an hour ago are removed from it.
//   - s3://… is a bucket, which is made when it is missing; objects lie under
//     PREFIX. Without KEY:SECRET the environment has the credentials:
//     AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or MINIO_ROOT_USER and
//     MINIO_ROOT_PASSWORD. insecure=true speaks plain HTTP. public is the
//     http(s)://HOST[:PORT] that presigned URLs name, where workers know the
//     server by another address than the agent does. The pool is also a
//     snapshot.Presigner.
//
// No error shows the secret.
func Open(ctx context.Context, url string) (snapshot.Pool, error) {
	p, err := Connect(url)
	if err != nil {
		return nil, err
	}
	if p, ok := p.(*s3); ok {
		if err := p.Ensure(ctx); err != nil {
			return nil, err
		}
	}
	return p, nil
}

// Connect is Open for a caller who does not need the pool at once: an S3 server
// need not be there yet. That pool has a method
//
//	Ensure(ctx context.Context) error
//
// which makes the bucket when it is missing. Until it has succeeded once a
// server that is there is used, if the bucket is, but objects can be presigned
// only if the URL names the region.
func Connect(url string) (snapshot.Pool, error) {
	if err := Check(url); err != nil {
		return nil, err
	}
	if path, ok := strings.CutPrefix(url, dirScheme); ok {
		return openDir(path)
	}
	return connect(url)
}

const (
	dirScheme = "dir:"
	s3Scheme  = "s3:"
)

// Check says what is wrong with a pool's URL, as ErrURL. It opens nothing.
func Check(url string) error {
	switch {
	case url == dirScheme:
		return fmt.Errorf("%w %q: no path: want %s", ErrURL, url, Forms)
	case strings.HasPrefix(url, dirScheme):
		return nil
	case strings.HasPrefix(url, s3Scheme):
		_, err := parseS3(url)
		return err
	}
	return fmt.Errorf("%w %q: want %s", ErrURL, redact(url), Forms)
}

// redact hides what may be credentials in a URL that need not even parse.
func redact(url string) string {
	at := strings.LastIndexByte(url, '@')
	if at < 0 {
		return url
	}
	scheme, _, found := strings.Cut(url[:at], "://")
	if !found {
		return "…" + url[at:]
	}
	return scheme + "://…" + url[at:]
}

// exactly copies size bytes from r to w; less is io.ErrUnexpectedEOF.
func exactly(w io.Writer, r io.Reader, size int64) error {
	n, err := io.Copy(w, io.LimitReader(r, size))
	if err == nil && n < size {
		return fmt.Errorf("%w: %d of %d bytes", io.ErrUnexpectedEOF, n, size)
	}
	return err
}

func checkPut(key string, size int64) error {
	if size < 0 {
		return fmt.Errorf("put %q: size %d: want 0 or more", key, size)
	}
	return snapshot.CheckKey(key)
}

func checkRange(key string, offset, length int64) error {
	if offset < 0 || length < 1 {
		return fmt.Errorf("get %q: %d bytes from byte %d: want at least 1, from 0 on", key, length, offset)
	}
	return snapshot.CheckKey(key)
}

// outside is the error of a range that is not wholly inside the object.
func outside(key string, offset, length int64) error {
	return fmt.Errorf("get %s: %d bytes from byte %d: %w: the object is shorter", key, length, offset, io.ErrUnexpectedEOF)
}

// ctxReader fails once its context is done.
type ctxReader struct {
	ctx context.Context
	io.Reader
}

func (c ctxReader) Read(p []byte) (int, error) {
	if err := c.ctx.Err(); err != nil {
		return 0, err
	}
	return c.Reader.Read(p)
}
