package snapshot_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/pronghorn-faas/pronghorn/internal/require"
	"github.com/pronghorn-faas/pronghorn/snapshot"
)

func cache(t testing.TB, dir string, maxBytes int64) *snapshot.Cache {
	t.Helper()
	c, err := snapshot.NewCache(dir, maxBytes)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	return c
}

// fetchCached fetches images() through a cache and compares them.
func (s *server) fetchCached(t testing.TB, id, sha string, c *snapshot.Cache) snapshot.Fetched {
	t.Helper()
	dir := t.TempDir()
	req := s.fetchRequest(id, sha, dir)
	req.Cache = c
	got, err := snapshot.NewTransfer(nil).Fetch(t.Context(), req)
	if err != nil {
		t.Error(err)
		return got
	}
	sameFiles(t, readDir(t, dir), images())
	return got
}

// cached lists the files of a cache.
func cached(t testing.TB, dir string) []string {
	t.Helper()
	var names []string
	err := filepath.WalkDir(dir, func(path string, e fs.DirEntry, err error) error {
		if err == nil && !e.IsDir() {
			names = append(names, path)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return names
}

func TestWhatIsCachedIsNotDownloaded(t *testing.T) {
	s, sha := stored(t)
	c := cache(t, filepath.Join(t.TempDir(), "made"), 1<<30)
	first := s.fetchCached(t, "s1", sha, c)
	s.Close()
	second := s.fetchCached(t, "s1", sha, c)
	if first.Moved == 0 || first.FromCache != 0 || second.Moved != 0 || second.FromCache != first.Moved {
		t.Errorf("moved %d then %d, from the cache %d then %d", first.Moved, second.Moved, first.FromCache, second.FromCache)
	}
}

func TestWhatWasStoredHereIsCached(t *testing.T) {
	s := newServer(t)
	c := cache(t, t.TempDir(), 700<<10) // an image has room in half of it, and this one has not
	req := s.storeRequest("s1", openImage(t, images()))
	req.Cache = c
	done, err := s.store(t.Context(), req)
	if err != nil {
		t.Fatal(err)
	}
	if got := s.fetchCached(t, "s1", done.ManifestSHA256, c); got.Moved != 0 {
		t.Errorf("%d bytes moved", got.Moved)
	}
}

func TestTheCacheKeepsSecretsToItself(t *testing.T) {
	s := newServer(t)
	ring := keyring(t, "a1")
	sha := storeWith(t, s, "s1", images(), ring, nil)
	dir := filepath.Join(t.TempDir(), "cache")
	req := s.fetchRequest("s1", sha, t.TempDir())
	req.Cache, req.Keys = cache(t, dir, 1<<30), ring
	if _, err := snapshot.NewTransfer(nil).Fetch(t.Context(), req); err != nil {
		t.Fatal(err)
	}
	err := filepath.WalkDir(dir, func(path string, e fs.DirEntry, err error) error {
		info, errInfo := e.Info()
		if errInfo == nil && info.Mode()&0o077 != 0 {
			t.Errorf("%s has mode %v: others can read process memory", path, info.Mode())
		}
		if data, _ := os.ReadFile(path); bytes.Contains(data, []byte("coreinventory")) {
			t.Errorf("%s shows the image", path)
		}
		return errors.Join(err, errInfo)
	})
	if err != nil {
		t.Error(err)
	}
}

func TestADamagedCacheIsMended(t *testing.T) {
	s, sha := stored(t)
	for name, damage := range map[string]func(path string) error{
		"a flipped bit": func(path string) error {
			data, err := os.ReadFile(path)
			data[len(data)/2] ^= 1
			return errors.Join(err, os.WriteFile(path, data, 0o600))
		},
		"a truncated file": func(path string) error { return os.Truncate(path, 5) },
		"an empty file":    func(path string) error { return os.Truncate(path, 0) },
		"no file":          os.Remove,
		"a longer file":    func(path string) error { return os.Truncate(path, 1<<30) },
		"a link to nothing": func(path string) error {
			return errors.Join(os.Remove(path), os.Symlink("/no/such/file", path))
		},
		"a directory": func(path string) error { return errors.Join(os.Remove(path), os.Mkdir(path, 0o700)) },
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			c := cache(t, dir, 1<<40)
			s.fetchCached(t, "s1", sha, c)
			for _, path := range cached(t, dir) {
				if err := damage(path); err != nil {
					t.Fatal(err)
				}
			}
			s.fetchCached(t, "s1", sha, c)
			if again := s.fetchCached(t, "s1", sha, c); again.Moved > 0 && !strings.HasPrefix(name, "a link") && name != "a directory" {
				t.Errorf("%d bytes moved after it was mended", again.Moved)
			}
		})
	}
}

func TestAPackThatIsCorruptIsNotCached(t *testing.T) {
	s, sha := stored(t)
	good, _ := s.object(packPath("s1"))
	bad := bytes.Clone(good)
	bad[len(bad)/2] ^= 1
	s.setObject(packPath("s1"), bad)
	c := cache(t, t.TempDir(), 1<<30)
	for range 2 {
		dir := t.TempDir()
		req := s.fetchRequest("s1", sha, dir)
		req.Cache = c
		if _, err := snapshot.NewTransfer(nil).Fetch(t.Context(), req); !errors.Is(err, snapshot.ErrCorrupt) {
			t.Errorf("error %v, want ErrCorrupt", err)
		}
		sameFiles(t, readDir(t, dir), nil)
	}
	s.setObject(packPath("s1"), good)
	s.fetchCached(t, "s1", sha, c)
}

func TestTheCacheIsBounded(t *testing.T) {
	s := newServer(t)
	var shas []string
	for i := range 6 {
		done, err := s.store(t.Context(), s.storeRequest(fmt.Sprintf("s%d", i), openImage(t, images())))
		if err != nil {
			t.Fatal(err)
		}
		shas = append(shas, done.ManifestSHA256)
	}
	pack := int64(len(s.objects[packPath("s0")]))
	dir := t.TempDir()
	c := cache(t, dir, 3*pack)
	s.fetchCached(t, "s0", shas[0], c)
	for i := 1; i < 6; i++ {
		time.Sleep(5 * time.Millisecond) // what a file system tells apart
		s.fetchCached(t, fmt.Sprintf("s%d", i), shas[i], c)
		s.fetchCached(t, "s0", shas[0], c) // it stays in use
		var sum int64
		for _, path := range cached(t, dir) {
			var stat syscall.Stat_t
			if err := syscall.Stat(path, &stat); err != nil {
				t.Fatal(err)
			}
			sum += stat.Blocks * 512
		}
		if sum > 3*pack {
			t.Errorf("%d bytes are cached, want at most %d", sum, 3*pack)
		}
	}
	if got := s.fetchCached(t, "s0", shas[0], c); got.Moved > 0 {
		t.Error("what was in use is gone")
	}
	if got := s.fetchCached(t, "s1", shas[1], c); got.FromCache > 10000 {
		t.Error("what was not used for longest is still there")
	}
	t.Run("what does not fit is not cached", func(t *testing.T) {
		dir := t.TempDir()
		s.fetchCached(t, "s0", shas[0], cache(t, dir, pack/2))
		for _, path := range cached(t, dir) {
			if info, err := os.Stat(path); err != nil || info.Size() > pack/2 {
				t.Errorf("%s has %d bytes, %v", path, info.Size(), err)
			}
		}
	})
	if _, err := snapshot.NewCache(t.TempDir(), 0); err == nil {
		t.Error("a cache of nothing is no error")
	}
}

func TestABurstOfStartsDownloadsOnce(t *testing.T) {
	s, sha := stored(t)
	s.setFault(func(_ http.ResponseWriter, r *http.Request, _ int) bool {
		if strings.HasSuffix(r.URL.Path, ".pack") {
			time.Sleep(100 * time.Millisecond)
		}
		return false
	})
	dir := t.TempDir()
	var starts sync.WaitGroup
	for range 8 {
		c := cache(t, dir, 1<<30) // as every container has its own
		starts.Go(func() { s.fetchCached(t, "s1", sha, c) })
	}
	starts.Wait()
	if n := s.called("GET " + packPath("s1")); n != 1 {
		t.Errorf("the pack was asked for %d times", n)
	}
}

// What the tests' own processes are told: where to fetch what from and where to,
// and whether to keep it.
const (
	fetcherEnv = "PRONGHORN_TEST_FETCHER"
	keeperEnv  = "PRONGHORN_TEST_KEEPER"
)

// TestMain makes the test program a worker that fetches, if it is told so.
func TestMain(m *testing.M) {
	if args := strings.Fields(os.Getenv(fetcherEnv)); len(args) == 4 {
		os.Exit(fetchAsProcess(args[0], args[1], args[2], args[3]))
	}
	os.Exit(m.Run())
}

func fetchAsProcess(url, sha, cacheDir, dir string) int {
	c, err := snapshot.NewCache(cacheDir, 1<<30)
	if err == nil {
		req := snapshot.FetchRequest{
			ManifestURL: url + manifestPath("s1"), ManifestSHA256: sha, Dir: dir, Cache: c,
			PackURLs: map[string]string{"s1": url + packPath("s1")},
		}
		var got snapshot.Fetched
		got, err = snapshot.NewTransfer(nil).Fetch(context.Background(), req)
		if err == nil && os.Getenv(keeperEnv) != "" {
			err = keepAsProcess(c, got)
		}
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return 0
}

// fetcher starts a process that fetches "s1" into a new directory.
func (s *server) fetcher(t testing.TB, sha, cacheDir string) (cmd *exec.Cmd, dir string) {
	t.Helper()
	dir = t.TempDir()
	cmd = exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), fmt.Sprintf("%s=%s %s %s %s", fetcherEnv, s.URL, sha, cacheDir, dir))
	cmd.Stderr = os.Stderr
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	return cmd, dir
}

func TestProcessesShareACache(t *testing.T) {
	s, sha := stored(t)
	cacheDir := t.TempDir()
	var cmds []*exec.Cmd
	var dirs []string
	for range 6 {
		cmd, dir := s.fetcher(t, sha, cacheDir)
		cmds, dirs = append(cmds, cmd), append(dirs, dir)
	}
	for i, cmd := range cmds {
		if err := cmd.Wait(); err != nil {
			t.Error(err)
		}
		sameFiles(t, readDir(t, dirs[i]), images())
	}
	if n := s.called("GET " + packPath("s1")); n != 1 {
		t.Errorf("the pack was asked for %d times", n)
	}
}

func TestAProcessKilledInItsDownloadHoldsNobodyUp(t *testing.T) {
	s, sha := stored(t)
	reached := make(chan struct{})
	s.setFault(func(w http.ResponseWriter, r *http.Request, n int) bool {
		if !strings.HasSuffix(r.URL.Path, ".pack") || n > 1 {
			return false
		}
		pack, _ := s.object(packPath("s1"))
		w.Header().Set("Content-Range", fmt.Sprintf("bytes 0-%d/%d", len(pack)-1, len(pack)))
		w.Header().Set("Content-Length", fmt.Sprint(len(pack)))
		w.WriteHeader(http.StatusPartialContent)
		_, _ = w.Write(pack[:len(pack)/2])
		_ = http.NewResponseController(w).Flush()
		close(reached)
		<-r.Context().Done()
		return true
	})
	cacheDir := t.TempDir()
	killed, _ := s.fetcher(t, sha, cacheDir)
	<-reached
	waiting := make(chan struct{})
	go func() {
		defer close(waiting)
		s.fetchCached(t, "s1", sha, cache(t, cacheDir, 1<<30))
	}()
	time.Sleep(50 * time.Millisecond)
	_ = killed.Process.Kill()
	_ = killed.Wait()
	select {
	case <-waiting:
	case <-time.After(20 * time.Second):
		t.Fatal("the other fetch still waits")
	}
}

// small mounts a file system of so many bytes.
func small(t *testing.T, size int) string {
	t.Helper()
	require.Root(t)
	dir := t.TempDir()
	if err := unix.Mount("tmpfs", dir, "tmpfs", 0, fmt.Sprintf("size=%d", size)); err != nil {
		require.Component(t, "root", false, "no mount: "+err.Error())
	}
	t.Cleanup(func() { _ = unix.Unmount(dir, unix.MNT_DETACH) })
	return dir
}

func TestAFullDisk(t *testing.T) {
	s, sha := stored(t)
	t.Run("under the cache is nobody's concern", func(t *testing.T) {
		c := cache(t, small(t, 40<<10), 1<<30)
		for range 2 {
			s.fetchCached(t, "s1", sha, c)
		}
	})
	t.Run("under the image is an error, and nothing is left", func(t *testing.T) {
		dir := small(t, 100<<10)
		if _, err := s.fetch(t.Context(), "s1", sha, dir); !errors.Is(err, syscall.ENOSPC) {
			t.Errorf("error %v, want that there is no space left", err)
		}
		sameFiles(t, readDir(t, dir), nil)
		if n := s.called("GET " + packPath("s1")); n > 4 {
			t.Errorf("the pack was asked for %d times", n)
		}
	})
}
