package pool

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync/atomic"
	"time"

	"github.com/minio/minio-go/v7"

	"github.com/pronghorn-faas/pronghorn/snapshot"
)

// maxTries is how often minio-go sends a request before it gives up; its own
// ten take longer than anybody waits for a pool that is down.
const maxTries = 4

// s3 is a pool in a bucket. An object is one PUT, as that is all or nothing and
// leaves no parts behind which somebody would have to sweep.
type s3 struct {
	cfg    s3Config
	core   minio.Core
	signer atomic.Pointer[minio.Client] // knows the server by the address that workers use
	bucket string
	prefix string
}

// errNoRegion is the answer to who wants a URL before the server was reached.
var errNoRegion = errors.New("the server has not been reached yet, and only it knows the region, which is a part of every URL")

// connect makes a pool without asking the server for anything.
func connect(raw string) (*s3, error) {
	cfg, err := parseS3(raw)
	if err != nil {
		return nil, err
	}
	client, err := cfg.client(cfg.endpoint, cfg.secure, cfg.region)
	if err != nil {
		return nil, fmt.Errorf("open pool %s: %w", cfg, err)
	}
	p := &s3{cfg: cfg, core: minio.Core{Client: client}, bucket: cfg.bucket, prefix: cfg.prefix}
	if cfg.region != "" {
		err = p.findSigner(context.Background())
	}
	return p, err
}

// Ensure makes the bucket when it is missing. It says what to do when that is
// not possible.
func (p *s3) Ensure(ctx context.Context) error {
	err := makeBucket(ctx, p.core.Client, p.cfg)
	if err == nil {
		err = p.findSigner(ctx)
	}
	if err != nil {
		return fmt.Errorf("open pool %s: %w", p.cfg, explain(err, p.cfg))
	}
	return nil
}

func (c s3Config) client(endpoint string, secure bool, region string) (*minio.Client, error) {
	return minio.New(endpoint, &minio.Options{Creds: c.creds, Secure: secure, Region: region, MaxRetries: maxTries})
}

// findSigner makes the client that presigns, once. It must not have to ask for
// the bucket's region: the public address need not be reachable from here.
func (p *s3) findSigner(ctx context.Context) error {
	if p.signer.Load() != nil {
		return nil
	}
	signer := p.core.Client
	if public := p.cfg.public; public != nil {
		region := p.cfg.region
		var err error
		if region == "" {
			if region, err = p.core.Client.GetBucketLocation(ctx, p.bucket); err != nil {
				return fmt.Errorf("ask for the bucket's region: %w", err)
			}
		}
		if signer, err = p.cfg.client(public.Host, public.Scheme == "https", region); err != nil {
			return err
		}
	}
	p.signer.Store(signer)
	return nil
}

func makeBucket(ctx context.Context, client *minio.Client, cfg s3Config) error {
	exists, err := client.BucketExists(ctx, cfg.bucket)
	if err != nil || exists {
		return err
	}
	err = client.MakeBucket(ctx, cfg.bucket, minio.MakeBucketOptions{Region: cfg.region})
	if minio.ToErrorResponse(err).Code == minio.BucketAlreadyOwnedByYou { // another agent was faster
		return nil
	}
	return err
}

// explain says what to do about an error of the first requests.
func explain(err error, cfg s3Config) error {
	var answer minio.ErrorResponse
	switch {
	case !errors.As(err, &answer):
		return fmt.Errorf("cannot reach %s: %w: check host, port, and insecure=true if it speaks plain HTTP", cfg.endpoint, err)
	case answer.StatusCode == http.StatusForbidden || answer.StatusCode == http.StatusUnauthorized:
		return fmt.Errorf("access denied: %w: check the credentials and what they may do in bucket %s", err, cfg.bucket)
	}
	return err
}

// Put implements snapshot.Pool.
func (p *s3) Put(ctx context.Context, key string, r io.Reader, size int64) error {
	if err := checkPut(key, size); err != nil {
		return err
	}
	_, err := p.core.Client.PutObject(ctx, p.bucket, p.prefix+key, payload(r, size), size, minio.PutObjectOptions{
		ContentType:      "application/octet-stream",
		DisableMultipart: true,
	})
	return p.failed("put", key, err)
}

// payload is what of r is sent. minio-go would close a closer, which is not
// Put's to do; it repeats a failed request when it can read at any offset.
func payload(r io.Reader, size int64) io.Reader {
	if at, ok := r.(interface {
		io.ReaderAt
		io.Seeker
	}); ok {
		if offset, err := at.Seek(0, io.SeekCurrent); err == nil {
			return io.NewSectionReader(at, offset, size)
		}
	}
	return io.LimitReader(r, size)
}

// Get implements snapshot.Pool.
func (p *s3) Get(ctx context.Context, key string) (io.ReadCloser, int64, error) {
	if err := snapshot.CheckKey(key); err != nil {
		return nil, 0, err
	}
	r, info, _, err := p.core.GetObject(ctx, p.bucket, p.prefix+key, minio.GetObjectOptions{})
	if err != nil {
		return nil, 0, p.failed("get", key, err)
	}
	return r, info.Size, nil
}

// GetRange implements snapshot.Pool.
func (p *s3) GetRange(ctx context.Context, key string, offset, length int64) (io.ReadCloser, error) {
	if err := checkRange(key, offset, length); err != nil {
		return nil, err
	}
	var options minio.GetObjectOptions
	if err := options.SetRange(offset, offset+length-1); err != nil {
		return nil, fmt.Errorf("get %s: %w", key, err)
	}
	r, info, _, err := p.core.GetObject(ctx, p.bucket, p.prefix+key, options)
	if minio.ToErrorResponse(err).StatusCode == http.StatusRequestedRangeNotSatisfiable {
		return nil, outside(key, offset, length)
	}
	if err != nil {
		return nil, p.failed("get", key, err)
	}
	if info.Size != length {
		return nil, errors.Join(outside(key, offset, length), r.Close())
	}
	return r, nil
}

// Stat implements snapshot.Pool.
func (p *s3) Stat(ctx context.Context, key string) (int64, error) {
	if err := snapshot.CheckKey(key); err != nil {
		return 0, err
	}
	info, err := p.core.Client.StatObject(ctx, p.bucket, p.prefix+key, minio.StatObjectOptions{})
	return info.Size, p.failed("stat", key, err)
}

// List implements snapshot.Pool. S3 lists sorted by key.
func (p *s3) List(ctx context.Context, prefix string) ([]snapshot.Object, error) {
	if _, err := listStart(prefix); err != nil {
		return nil, err
	}
	var objects []snapshot.Object
	options := minio.ListObjectsOptions{Prefix: p.prefix + prefix, Recursive: true}
	for o := range p.core.Client.ListObjectsIter(ctx, p.bucket, options) {
		if o.Err != nil {
			return nil, p.failed("list", prefix, o.Err)
		}
		key := strings.TrimPrefix(o.Key, p.prefix)
		objects = append(objects, snapshot.Object{Key: key, Bytes: o.Size, Modified: o.LastModified})
	}
	return objects, p.failed("list", prefix, ctx.Err())
}

// Delete implements snapshot.Pool.
func (p *s3) Delete(ctx context.Context, key string) error {
	if err := snapshot.CheckKey(key); err != nil {
		return err
	}
	return p.failed("delete", key, p.core.Client.RemoveObject(ctx, p.bucket, p.prefix+key, minio.RemoveObjectOptions{}))
}

// PresignGet implements snapshot.Presigner.
func (p *s3) PresignGet(ctx context.Context, key string, ttl time.Duration) (string, error) {
	return p.presign(ctx, http.MethodGet, key, ttl)
}

// PresignPut implements snapshot.Presigner. The URL does not bound the size of
// what is written.
func (p *s3) PresignPut(ctx context.Context, key string, ttl time.Duration) (string, error) {
	return p.presign(ctx, http.MethodPut, key, ttl)
}

func (p *s3) presign(ctx context.Context, method, key string, ttl time.Duration) (string, error) {
	if err := snapshot.CheckKey(key); err != nil {
		return "", err
	}
	signer := p.signer.Load()
	if signer == nil {
		return "", p.failed("presign", key, errNoRegion)
	}
	u, err := signer.Presign(ctx, method, p.bucket, p.prefix+key, ttl, nil)
	if err != nil {
		return "", p.failed("presign", key, err)
	}
	return u.String(), nil
}

// failed names the operation and maps S3's code of a missing object.
func (p *s3) failed(op, key string, err error) error {
	if err == nil {
		return nil
	}
	if minio.ToErrorResponse(err).Code == minio.NoSuchKey {
		return fmt.Errorf("%s %s: %w", op, key, snapshot.ErrNotExist)
	}
	return fmt.Errorf("%s %s: %w", op, key, err)
}
