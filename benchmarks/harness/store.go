package harness

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"syscall"
	"time"

	"github.com/minio/minio-go/v7"
	"github.com/minio/minio-go/v7/pkg/credentials"
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
	program, err := findMinIO()
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

// findMinIO looks where scripts/setup.sh puts the server, then on the PATH.
func findMinIO() (string, error) {
	prefix := cmp.Or(os.Getenv("PRONGHORN_PREFIX"), "/opt/pronghorn")
	for _, name := range []string{filepath.Join(prefix, "bin", "minio"), "minio"} {
		if path, err := exec.LookPath(name); err == nil {
			return path, nil
		}
	}
	return "", errors.New("MinIO is not installed: run scripts/setup.sh minio")
}

func freeAddress() (string, error) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	return ln.Addr().String(), ln.Close()
}

// launchMinIO starts the server, which dies with this process: one thread
// forks it and waits for its end, since the parent's death is that thread's.
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
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL, Setpgid: true}
	started, done := make(chan error, 1), make(chan struct{})
	go func() {
		runtime.LockOSThread()
		err := cmd.Start()
		started <- err
		if err == nil {
			_ = cmd.Wait() // "signal: killed"
		}
		close(done)
	}()
	return cmd, done, <-started
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
