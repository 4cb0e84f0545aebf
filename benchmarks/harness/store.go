package harness

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"time"

	"github.com/minio/minio-go/v7"
	"github.com/minio/minio-go/v7/pkg/credentials"

	"github.com/pronghorn-faas/pronghorn/internal/child"
	"github.com/pronghorn-faas/pronghorn/internal/minioserver"
)

// Names in the functions' store, which is reachable from this machine only.
const (
	storeBucket = "benchmarks"
	storeKey    = "benchmarks"
	storeSecret = "benchmarks-secret"
)

// storeWithin bounds the start of the store on a busy machine.
const storeWithin = 60 * time.Second

// startStore starts a MinIO server on an empty directory, for the functions
// that keep objects, and makes their bucket. It is no snapshot pool.
func (s *services) startStore(ctx context.Context) (service, error) {
	program, err := minioserver.Find()
	if err != nil {
		return service{}, err
	}
	addr, err := freeAddress()
	if err != nil {
		return service{}, err
	}
	cmd, done, err := s.launchMinIO(program, addr)
	if err != nil {
		return service{}, err
	}
	stop := func() error {
		_ = cmd.Process.Kill() // it may be gone already
		<-done
		return nil
	}
	if err := makeBucket(ctx, addr, done); err != nil {
		return service{}, errors.Join(fmt.Errorf("%w; its log ends:\n%s", err, tail(s.storeLog())), stop())
	}
	return service{
		inside: storeInside, host: addr, close: stop,
		env: []string{
			"s3_url=http://" + storeInside, "s3_bucket=" + storeBucket,
			"s3_access_key=" + storeKey, "s3_secret_key=" + storeSecret,
		},
	}, nil
}

func (s *services) storeLog() string { return filepath.Join(s.dir, "minio.log") }

func freeAddress() (string, error) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	return ln.Addr().String(), ln.Close()
}

// launchMinIO starts the server, which dies with this process.
func (s *services) launchMinIO(program, addr string) (*exec.Cmd, <-chan struct{}, error) {
	dir := filepath.Join(s.dir, "minio")
	if err := os.RemoveAll(dir); err != nil {
		return nil, nil, err
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return nil, nil, err
	}
	log, err := os.Create(s.storeLog())
	if err != nil {
		return nil, nil, err
	}
	defer log.Close() // the server has its own
	cmd := exec.Command(program, "server", "--quiet", "--address", addr, dir)
	cmd.Env = []string{
		"HOME=" + s.dir, "MINIO_ROOT_USER=" + storeKey, "MINIO_ROOT_PASSWORD=" + storeSecret,
		"MINIO_BROWSER=off", "MINIO_UPDATE=off",
	}
	cmd.Stdout, cmd.Stderr = log, log
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	ended, err := child.Start(cmd)
	return cmd, ended, err
}

// makeBucket makes the functions' bucket as soon as the server is up.
func makeBucket(ctx context.Context, addr string, done <-chan struct{}) error {
	client, err := minio.New(addr, &minio.Options{Creds: credentials.NewStaticV4(storeKey, storeSecret, ""), MaxRetries: 1})
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, storeWithin)
	defer cancel()
	for {
		if err = client.MakeBucket(ctx, storeBucket, minio.MakeBucketOptions{}); err == nil {
			return nil
		}
		select {
		case <-done:
			return fmt.Errorf("MinIO has ended: %w", err)
		case <-ctx.Done():
			return fmt.Errorf("MinIO is not up after %s: %w", storeWithin, err)
		case <-time.After(lookEvery):
		}
	}
}
