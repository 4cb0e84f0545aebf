package criu_test

import (
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/checkpoint-restore/go-criu/v7/crit/images/stats"
	"golang.org/x/sys/unix"
	"google.golang.org/protobuf/proto"

	"github.com/pronghorn-faas/pronghorn/internal/require"
	"github.com/pronghorn-faas/pronghorn/snapshot"
	"github.com/pronghorn-faas/pronghorn/snapshot/criu"
	"github.com/pronghorn-faas/pronghorn/snapshot/userfault"
)

// The benchmarks compare ways to dump and restore a warm function, one after
// the other in every round, and report medians in ms. Run them with
//
//	go test -run '^$' -bench . -benchtime 20x ./snapshot/criu
func BenchmarkPyPy(b *testing.B) {
	require.Program(b, "pypy", "pypy3")
	if inSandbox(b) {
		benchmark(b, "bfs")
	}
}

func BenchmarkJVM(b *testing.B) {
	require.Program(b, "jvm", "javac")
	if inSandbox(b) {
		benchmark(b, "simple-hash")
	}
}

// BenchmarkReady measures what a container does before its first operation.
func BenchmarkReady(b *testing.B) {
	if !inSandbox(b) {
		return
	}
	firstInLine()
	e, node := engine(b), b.TempDir()
	timed := func(do func() error) (time.Duration, time.Duration) {
		begin := time.Now()
		if err := do(); err != nil {
			b.Fatal(err)
		}
		return time.Since(begin), 0
	}
	seed := func(dir string) func(*testing.B, target) (time.Duration, time.Duration) {
		return func(b *testing.B, _ target) (time.Duration, time.Duration) {
			if dir != kdat {
				_ = os.Remove(kdat)
			}
			return timed(func() error { return e.Seed(b.Context(), strings.TrimPrefix(dir, kdat)) })
		}
	}
	measure(b, target{}, []way{
		{"probe", func(b *testing.B, _ target) (time.Duration, time.Duration) {
			return timed(func() error { _, err := e.Probe(b.Context()); return err })
		}},
		{"seed-made", seed("")},
		{"seed-from-node", seed(node)},
		{"seed-there-already", seed(kdat)},
	})
}

// kdat is where CRIU keeps what it found out about the kernel.
const kdat = "/run/criu.kdat"

// way is one way to do it. It returns how long requests have to wait for it,
// and how long of that the process was frozen, as CRIU says; 0 = it does not.
type way struct {
	name string
	do   func(b *testing.B, p target) (total, frozen time.Duration)
}

func benchmark(b *testing.B, function string) {
	firstInLine()
	p := warm(b, function)
	measure(b, p, []way{
		{"dump-dir-uncached", func(b *testing.B, p target) (time.Duration, time.Duration) {
			_ = os.Remove(kdat)
			return timeDirectory(b, p)
		}},
		{"dump-dir", timeDirectory},
		{"dump-pages-unprepared", timeUnprepared},
		{"dump-pages", func(b *testing.B, p target) (time.Duration, time.Duration) { return timePages(b, p, 1<<30) }},
		{"dump-pages-file", func(b *testing.B, p target) (time.Duration, time.Duration) { return timePages(b, p, 0) }},
	})
	dir, process := intoMemory(b, p)
	p.kill(b)
	measure(b, p, []way{
		{"restore-uncached", func(b *testing.B, _ target) (time.Duration, time.Duration) {
			_ = os.Remove(kdat)
			return timeRestore(b, dir, process, false)
		}},
		{"restore", func(b *testing.B, _ target) (time.Duration, time.Duration) {
			return timeRestore(b, dir, process, false)
		}},
		{"restore-prepared", func(b *testing.B, _ target) (time.Duration, time.Duration) { return timeRestore(b, dir, process, true) }},
		{"restore-lazy", func(b *testing.B, _ target) (time.Duration, time.Duration) { return timeLazyRestore(b, dir, process) }},
	})
}

func measure(b *testing.B, p target, ways []way) {
	totals, frozen := map[string][]float64{}, map[string][]float64{}
	for range b.N {
		for _, w := range ways {
			total, froze := w.do(b, p)
			totals[w.name] = append(totals[w.name], total.Seconds()*1000)
			if froze > 0 {
				frozen[w.name] = append(frozen[w.name], froze.Seconds()*1000)
			}
		}
	}
	for _, w := range ways {
		b.ReportMetric(median(totals[w.name]), "ms/"+w.name)
		if len(frozen[w.name]) > 0 {
			b.ReportMetric(median(frozen[w.name]), "ms-frozen/"+w.name)
		}
	}
	b.ReportMetric(0, "ns/op") // says nothing here
}

func median(v []float64) float64 {
	slices.Sort(v)
	return v[len(v)/2]
}

// firstInLine puts this process and all that it starts in front of everything
// else on the machine.
func firstInLine() {
	attr := &unix.SchedAttr{Size: unix.SizeofSchedAttr, Policy: unix.SCHED_RR, Priority: 1}
	tasks, _ := os.ReadDir("/proc/self/task")
	for _, task := range tasks {
		var tid int
		if _, err := fmt.Sscan(task.Name(), &tid); err == nil {
			_ = unix.SchedSetAttr(tid, attr, 0) // a noisier figure without
		}
	}
}

// warm starts a function of the benchmarks and sends it requests.
func warm(b *testing.B, function string) target {
	b.Helper()
	dir := b.TempDir()
	build := exec.Command("../../benchmarks/build-local.sh", function, dir)
	if out, err := build.CombinedOutput(); err != nil {
		b.Fatalf("assemble %s: %v\n%s", function, err, out)
	}
	argv := strings.Fields(oneLine(b, dir, "fprocess"))
	url := oneLine(b, dir, "upstream_url")
	p := launchIn(b, dir, argv...)
	client := http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	for served, tries := 0, 0; served < 300; tries++ {
		resp, err := client.Post(url, "text/plain", nil)
		if err != nil {
			if tries > 600 {
				b.Fatal(err)
			}
			time.Sleep(50 * time.Millisecond)
			continue
		}
		_ = resp.Body.Close()
		served++
	}
	return p
}

func oneLine(b *testing.B, dir, name string) string {
	b.Helper()
	raw, err := os.ReadFile(filepath.Join(dir, name))
	if err != nil {
		b.Fatal(err)
	}
	return strings.TrimSpace(string(raw))
}

func timeDirectory(b *testing.B, p target) (total, frozen time.Duration) {
	dir := b.TempDir()
	begin := time.Now()
	if _, err := engine(b).Dump(b.Context(), p.pid, dir); err != nil {
		b.Fatal(err)
	}
	total = time.Since(begin)
	frozen = frozenTime(b, dir)
	_ = os.RemoveAll(dir)
	return total, frozen
}

func timePages(b *testing.B, p target, memory int64) (total, frozen time.Duration) {
	dir := b.TempDir()
	d, err := engine(b).PrepareDump(b.Context(), p.pid, criu.DumpOptions{Dir: dir, MaxMemory: memory})
	if err != nil {
		b.Fatal(err)
	}
	time.Sleep(30 * time.Millisecond) // CRIU is ready
	begin := time.Now()
	if err := d.Run(b.Context()); err != nil {
		b.Fatal(err)
	}
	total = time.Since(begin)
	frozen = frozenTime(b, dir)
	_, _, _ = take(b, d).Close(), d.Close(), os.RemoveAll(dir)
	return total, frozen
}

func timeUnprepared(b *testing.B, p target) (total, frozen time.Duration) {
	dir := b.TempDir()
	begin := time.Now()
	d, err := engine(b).PrepareDump(b.Context(), p.pid, criu.DumpOptions{Dir: dir, MaxMemory: 1 << 30})
	if err != nil {
		b.Fatal(err)
	}
	if err := d.Run(b.Context()); err != nil {
		b.Fatal(err)
	}
	total = time.Since(begin)
	frozen = frozenTime(b, dir)
	_, _, _ = take(b, d).Close(), d.Close(), os.RemoveAll(dir)
	return total, frozen
}

func timeRestore(b *testing.B, dir string, process snapshot.Process, prepared bool) (total, frozen time.Duration) {
	above(b, 1000)
	_, in := newPipe(b)
	defer in.Close()
	begin := time.Now()
	r, err := engine(b).PrepareRestore(b.Context(), in, in)
	if err != nil {
		b.Fatal(err)
	}
	defer r.Close()
	if prepared {
		time.Sleep(30 * time.Millisecond)
		begin = time.Now()
	}
	pid, err := r.Run(b.Context(), dir, process)
	if err != nil {
		b.Fatal(err)
	}
	total = time.Since(begin)
	target{pid: pid}.kill(b)
	return total, 0
}

// timeLazyRestore leaves out what may come later.
func timeLazyRestore(b *testing.B, dir string, process snapshot.Process) (total, frozen time.Duration) {
	above(b, 1000)
	_, in := newPipe(b)
	defer in.Close()
	r, err := engine(b).PrepareRestore(b.Context(), in, in)
	if err != nil {
		b.Fatal(err)
	}
	defer r.Close()
	time.Sleep(30 * time.Millisecond)
	begin := time.Now()
	files := userfault.NewFiles(dir)
	defer files.Close()
	pager, err := userfault.New(files, nil)
	if err != nil {
		b.Fatal(err)
	}
	defer pager.Close()
	later, _, err := criu.Later(dir, nil)
	if err != nil {
		b.Fatal(err)
	}
	pid, err := r.RunLazily(b.Context(), dir, process, later, pager)
	if err != nil {
		b.Fatal(err)
	}
	total = time.Since(begin)
	target{pid: pid}.kill(b)
	return total, 0
}

// frozenTime is what CRIU says in stats-dump, in which a magic number and the
// length come before the message.
func frozenTime(b *testing.B, dir string) time.Duration {
	b.Helper()
	raw, err := os.ReadFile(filepath.Join(dir, "stats-dump"))
	if err != nil {
		b.Fatal(err)
	}
	var entry stats.StatsEntry
	if err := proto.Unmarshal(raw[12:], &entry); err != nil {
		b.Fatal(err)
	}
	return time.Duration(entry.GetDump().GetFrozenTime()) * time.Microsecond
}
