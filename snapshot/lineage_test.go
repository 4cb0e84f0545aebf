package snapshot_test

import (
	"bufio"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/pronghorn-faas/pronghorn/internal/require"
	"github.com/pronghorn-faas/pronghorn/snapshot"
	"github.com/pronghorn-faas/pronghorn/snapshot/criu"
)

// function serves requests as a small web function does: it builds a page of
// random rows, searches it, and answers in JSON. After every 50 it says so, and
// goes on when there is a file that says it may.
const function = `
import html, json, os, random, re, sys, time
WORDS = ["w%05d" % i for i in range(2000)]

def request():
    rows = [{"id": i, "name": random.choice(WORDS), "v": random.random()} for i in range(200)]
    page = "".join("<p class='%s'>%s &amp; %f</p>" % (r["name"], html.escape(r["name"]), r["v"]) for r in rows)
    return json.dumps({"n": len(re.findall(r"<p class='(w\d+)'>", page)), "rows": rows[:10]})

for n in range(50, 100000, 50):
    for _ in range(50):
        request()
    print("n", n, flush=True)
    while not os.path.exists(os.path.join(sys.argv[1], "go-%d" % n)):
        time.sleep(0.005)
`

// warm is a process that runs function.
type warm struct {
	dir   string
	cmd   *exec.Cmd
	lines *bufio.Scanner
	n     int
}

func startWarm(b *testing.B) *warm {
	b.Helper()
	w := &warm{dir: tmpfs(b), cmd: exec.Command(require.Program(b, "pypy", "pypy3"), "-c", function)}
	w.cmd.Args = append(w.cmd.Args, w.dir)
	w.cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true, Pdeathsig: syscall.SIGKILL}
	out, err := w.cmd.StdoutPipe()
	if err != nil {
		b.Fatal(err)
	}
	w.lines = bufio.NewScanner(out)
	if err := w.cmd.Start(); err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() {
		_ = w.cmd.Process.Kill()
		_ = w.cmd.Wait() // "signal: killed"
	})
	return w
}

// dump lets the process serve 50 requests more, and returns its image.
func (w *warm) dump(b *testing.B, bin criu.Binary) string {
	b.Helper()
	if !w.lines.Scan() {
		b.Fatal("the function has ended")
	}
	w.n += 50
	dir := filepath.Join(w.dir, fmt.Sprint(w.n))
	if err := os.Mkdir(dir, 0o700); err != nil {
		b.Fatal(err)
	}
	argv := append(strings.Fields(bin.String()), "dump", "-t", fmt.Sprint(w.cmd.Process.Pid), "-D", dir, "-v1", "-o", "dump.log",
		"--network-lock", "skip", "--manage-cgroups=ignore", "--leave-running")
	if out, err := exec.Command(argv[0], argv[1:]...).CombinedOutput(); err != nil {
		log, _ := os.ReadFile(filepath.Join(dir, "dump.log"))
		b.Fatalf("dump: %v\n%s%s", err, out, log)
	}
	if err := os.WriteFile(filepath.Join(w.dir, fmt.Sprintf("go-%d", w.n)), nil, 0o600); err != nil {
		b.Fatal(err)
	}
	return dir
}

// BenchmarkLineage stores 12 snapshots of one process, 50 requests apart, each
// sharing with the one before it, and fetches each, on a node without a cache
// and on one with it. The ratios are to 12 full copies.
func BenchmarkLineage(b *testing.B) {
	require.Root(b)
	bin, err := criu.Find(os.Getenv("PRONGHORN_CRIU"))
	require.Component(b, "criu", err == nil, "no CRIU: run scripts/setup.sh criu")
	for b.Loop() {
		b.StopTimer()
		var dirs []string
		w := startWarm(b)
		for range 12 {
			dirs = append(dirs, w.dump(b, bin))
		}
		b.StartTimer()
		l := storeLineage(b, dirs)
		b.ReportMetric(float64(l.full)/1e6, "full-MB")
		b.ReportMetric(float64(l.full)/float64(l.stored), "full/stored")
		b.ReportMetric(float64(l.full)/float64(l.fetched), "full/fetched")
		b.ReportMetric(float64(l.full)/float64(max(l.cached, 1)), "full/fetched-with-cache")
	}
}

// lineageBytes is what a lineage took, in bytes.
type lineageBytes struct{ full, stored, fetched, cached int64 }

func storeLineage(b *testing.B, dirs []string) (l lineageBytes) {
	b.Helper()
	s, tr := newServer(b), snapshot.NewTransfer(nil)
	node := cache(b, b.TempDir(), 1<<40)
	var base *snapshot.Base
	for i, dir := range dirs {
		image, err := snapshot.OpenImage(dir)
		if err != nil {
			b.Fatal(err)
		}
		id := fmt.Sprintf("s%d", i)
		req := s.storeRequest(id, image)
		req.Base, req.Share = base, base.Packs()
		done, err := tr.Store(b.Context(), req)
		if err != nil {
			b.Fatal(err)
		}
		m := s.manifest(b, id)
		assembled := filepath.Join(tmpfs(b), "images")
		fetched, err := tr.Fetch(b.Context(), s.fetchRequest(id, done.ManifestSHA256, assembled))
		if err != nil {
			b.Fatal(err)
		}
		if base, err = snapshot.NewBase(b.Context(), m, assembled); err != nil {
			b.Fatal(err)
		}
		again := s.fetchRequest(id, done.ManifestSHA256, filepath.Join(tmpfs(b), "again"))
		again.Cache = node
		cached, err := tr.Fetch(b.Context(), again)
		if err != nil {
			b.Fatal(err)
		}
		l.full, l.stored = l.full+m.ImageBytes(), l.stored+done.StoredBytes
		l.fetched, l.cached = l.fetched+fetched.Moved, l.cached+cached.Moved
		b.Logf("%s: %+v", id, done)
	}
	return l
}
