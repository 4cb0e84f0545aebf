package criu_test

import (
	"bufio"
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/checkpoint-restore/go-criu/v7/crit/images/cpuinfo"
	"golang.org/x/sys/unix"
	"google.golang.org/protobuf/proto"

	"github.com/pronghorn-faas/pronghorn/internal/require"
	"github.com/pronghorn-faas/pronghorn/internal/sandbox"
	"github.com/pronghorn-faas/pronghorn/snapshot"
	"github.com/pronghorn-faas/pronghorn/snapshot/criu"
)

// insideEnv is set in the test binary that runs as PID 1 of a sandbox.
const insideEnv = "PRONGHORN_TEST_INSIDE"

func TestMain(m *testing.M) {
	sandbox.Init()
	os.Exit(m.Run())
}

// inSandbox runs the calling test again as PID 1 of a sandbox, and reports
// true there. Outside it reports false, after the inner run.
func inSandbox(t testing.TB) bool {
	t.Helper()
	if os.Getenv(insideEnv) != "" {
		return true
	}
	require.Root(t)
	if b, isBenchmark := t.(*testing.B); isBenchmark && b.N == 1 {
		return false // the run that finds out how long one round takes
	}
	require.Component(t, "criu", findCRIU() == nil, "no CRIU that works: run scripts/setup.sh criu")
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	s, err := sandbox.Start(t.Context(), sandbox.Spec{
		Args:   append([]string{self}, again(t)...),
		Env:    append(os.Environ(), insideEnv+"=yes", "TMPDIR=/dev/shm"),
		Dir:    ".",
		Stdout: &out, Stderr: &out,
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Wait(); err != nil {
		t.Errorf("inside the sandbox: %v\n%s", err, out.String())
	} else {
		t.Logf("inside the sandbox:\n%s", out.String())
	}
	return false
}

// again are the arguments that run this test, or this benchmark, alone.
func again(t testing.TB) []string {
	only := "^" + t.Name() + "$"
	if _, isBenchmark := t.(*testing.B); isBenchmark {
		return []string{"-test.run=^$", "-test.bench=" + only, "-test.benchtime=" + flag.Lookup("test.benchtime").Value.String()}
	}
	return []string{"-test.run=" + only, "-test.v"}
}

func findCRIU() error {
	_, err := criu.Find(os.Getenv("PRONGHORN_CRIU"))
	return err
}

// target is a process that prints "n 1", "n 2", … one line every 10 ms.
type target struct {
	pid   int
	lines chan string
}

func launch(t testing.TB, argv ...string) target {
	t.Helper()
	return launchIn(t, "", argv...)
}

func launchIn(t testing.TB, dir string, argv ...string) target {
	t.Helper()
	above(t, 26000)
	out, in := newPipe(t)
	cmd := exec.Command(argv[0], argv[1:]...)
	cmd.Dir = dir
	cmd.Stdout, cmd.Stderr = in, in
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	go cmd.Wait() //nolint:errcheck // it is killed
	_ = in.Close()
	return target{pid: cmd.Process.Pid, lines: linesOf(out)}
}

// above makes what starts next get ids above last.
func above(t testing.TB, last int) {
	t.Helper()
	if err := new(criu.PIDs).Above(last); err != nil {
		t.Fatal(err)
	}
}

func newPipe(t testing.TB) (r, w *os.File) {
	t.Helper()
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	return r, w
}

func linesOf(r *os.File) chan string {
	lines := make(chan string, 100_000)
	go func() {
		for s := bufio.NewScanner(r); s.Scan(); {
			lines <- s.Text()
		}
		close(lines)
	}()
	return lines
}

// next returns the number of the next line.
func (p target) next(t testing.TB) int {
	t.Helper()
	for {
		select {
		case line, open := <-p.lines:
			if !open {
				t.Fatal("the process has ended")
			}
			var n int
			if _, err := fmt.Sscanf(line, "n %d", &n); err == nil {
				return n
			}
			t.Log("the process prints:", line)
		case <-time.After(20 * time.Second):
			t.Fatal("no line for 20 s")
		}
	}
}

// last skips what has been printed and returns the number of the last line.
func (p target) last(t testing.TB) int {
	n := p.next(t)
	for len(p.lines) > 0 {
		n = p.next(t)
	}
	return n
}

func (p target) kill(t testing.TB) {
	t.Helper()
	_ = syscall.Kill(-p.pid, syscall.SIGKILL)
	for range 500 {
		if _, err := os.Stat(fmt.Sprintf("/proc/%d", p.pid)); errors.Is(err, os.ErrNotExist) {
			return
		}
		var status syscall.WaitStatus
		_, _ = syscall.Wait4(p.pid, &status, syscall.WNOHANG, nil)
		time.Sleep(10 * time.Millisecond)
	}
	t.Fatalf("process %d does not go away", p.pid)
}

func engine(t testing.TB) *criu.Engine {
	t.Helper()
	bin, err := criu.Find(os.Getenv("PRONGHORN_CRIU"))
	if err != nil {
		t.Fatal(err)
	}
	e := criu.NewEngine(bin)
	if mode, err := e.Probe(t.Context()); err == nil {
		return e.In(mode)
	}
	return e
}

const pythonCounter = `
import sys, time
n = 0
while True:
    n += 1
    print("n", n, flush=True)
    time.sleep(0.01)
`

const javaCounter = `
public class Counter {
    public static void main(String[] args) throws Exception {
        for (int n = 1; ; n++) { System.out.println("n " + n); Thread.sleep(10); }
    }
}
`

func javaClass(t testing.TB) (dir string) {
	dir = t.TempDir()
	source := filepath.Join(dir, "Counter.java")
	if err := os.WriteFile(source, []byte(javaCounter), 0o600); err != nil {
		t.Fatal(err)
	}
	if out, err := exec.Command("javac", source).CombinedOutput(); err != nil {
		t.Fatalf("javac: %v\n%s", err, out)
	}
	return dir
}

func launchPyPy(t testing.TB) target { return launch(t, "pypy3", "-c", pythonCounter) }

func launchJVM(t testing.TB) target {
	return launch(t, "java", "-XX:+UseSerialGC", "-XX:-UsePerfData", "-Xmx64m", "-cp", javaClass(t), "Counter")
}

func launchNode(t testing.TB) target {
	return launch(t, "node", "-e", `let n = 0; setInterval(() => console.log("n", ++n), 10)`)
}

func TestPyPyProcessContinuesFromItsSnapshot(t *testing.T) {
	require.Program(t, "pypy", "pypy3")
	if inSandbox(t) {
		continuesFromSnapshot(t, launchPyPy(t), intoMemory)
	}
}

func TestJVMProcessContinuesFromItsSnapshot(t *testing.T) {
	require.Program(t, "jvm", "javac")
	if inSandbox(t) {
		continuesFromSnapshot(t, launchJVM(t), intoMemory)
	}
}

func TestNodeProcessContinuesFromItsSnapshot(t *testing.T) {
	require.Program(t, "node", "node")
	if inSandbox(t) {
		continuesFromSnapshot(t, launchNode(t), intoMemory)
	}
}

func TestProcessContinuesFromPagesInAFile(t *testing.T) {
	require.Program(t, "pypy", "pypy3")
	if inSandbox(t) {
		continuesFromSnapshot(t, launchPyPy(t), intoFile)
	}
}

const pythonGrower = `
import sys, time
n = 0
while True:
    n += 1
    print("n", n, flush=True)
    if n == 100:
        more = bytearray(b"x" * (100 << 20))
    time.sleep(0.01)
`

func TestProcessMayGrowAfterTheDumpWasPrepared(t *testing.T) {
	require.Program(t, "pypy", "pypy3")
	if !inSandbox(t) {
		return
	}
	p := launch(t, "pypy3", "-c", pythonGrower)
	for p.next(t) < 20 {
	}
	d := prepare(t, p, 1<<30)
	if !d.InMemory() {
		t.Error("the pages would go to a file")
	}
	for p.next(t) < 110 {
	}
	continuesFromSnapshot(t, p, func(t testing.TB, _ target) (string, snapshot.Process) { return run(t, d) })
}

func TestProcessContinuesFromADirectoryOfCRIU(t *testing.T) {
	require.Program(t, "pypy", "pypy3")
	if inSandbox(t) {
		continuesFromSnapshot(t, launchPyPy(t), intoDirectory)
	}
}

// dumper takes a snapshot of a process and returns the directory of the image.
type dumper func(t testing.TB, p target) (string, snapshot.Process)

func intoDirectory(t testing.TB, p target) (string, snapshot.Process) {
	t.Helper()
	dir := t.TempDir()
	process, err := engine(t).Dump(t.Context(), p.pid, dir)
	if err != nil {
		t.Fatal(err)
	}
	return dir, process
}

func intoMemory(t testing.TB, p target) (string, snapshot.Process) {
	t.Helper()
	return prepared(t, p, 1<<30, true)
}

func intoFile(t testing.TB, p target) (string, snapshot.Process) {
	t.Helper()
	return prepared(t, p, 0, false)
}

func prepared(t testing.TB, p target, memory int64, inMemory bool) (string, snapshot.Process) {
	t.Helper()
	d := prepare(t, p, memory)
	if d.InMemory() != inMemory {
		t.Errorf("in memory: %t, want %t", d.InMemory(), inMemory)
	}
	return run(t, d)
}

func prepare(t testing.TB, p target, memory int64) *criu.Dump {
	t.Helper()
	d, err := engine(t).PrepareDump(t.Context(), p.pid, criu.DumpOptions{Dir: t.TempDir(), MaxMemory: memory})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = d.Close() })
	return d
}

func run(t testing.TB, d *criu.Dump) (string, snapshot.Process) {
	t.Helper()
	if err := d.Run(t.Context()); err != nil {
		t.Fatal(err)
	}
	img, process, err := d.Image()
	if err != nil {
		t.Fatal(err)
	}
	if err := d.Close(); err != nil { // the image lives on
		t.Error(err)
	}
	defer img.Close()
	return write(t, img), process
}

// take returns the image that a dump has taken.
func take(t testing.TB, d *criu.Dump) *snapshot.Image {
	t.Helper()
	img, _, err := d.Image()
	if err != nil {
		t.Fatal(err)
	}
	return img
}

// write writes an image as a restore wants it.
func write(t testing.TB, img *snapshot.Image) string {
	t.Helper()
	dir := t.TempDir()
	for _, f := range img.Files {
		if err := os.WriteFile(filepath.Join(dir, f.Name), f.Data, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for _, p := range img.Pages {
		f, err := os.Create(filepath.Join(dir, p.Name))
		if err != nil {
			t.Fatal(err)
		}
		if _, err := io.Copy(f, io.NewSectionReader(p.Reader, 0, p.Bytes)); err != nil {
			t.Fatal(err)
		}
		_ = f.Close()
	}
	return dir
}

// continuesFromSnapshot is the claim of every runtime: the process runs on
// after a dump, and a process restored twice continues where the dump was
// taken, with its pid, into new pipes.
func continuesFromSnapshot(t testing.TB, p target, dump dumper) {
	for p.next(t) < 20 {
	}
	before := p.last(t)
	dir, process := dump(t, p)
	latest := p.last(t)
	if after := p.next(t); after != latest+1 {
		t.Errorf("line %d follows line %d", after, latest)
	}
	for p.next(t) < latest+50 { // it runs on
	}
	p.kill(t)
	for range 2 {
		restored := restore(t, dir, process)
		if first := restored.next(t); first < before || first > latest+1 {
			t.Errorf("the restored process goes on at line %d, was dumped between lines %d and %d", first, before, latest)
		}
		for restored.next(t) < latest+50 {
		}
		restored.kill(t)
	}
}

func restore(t testing.TB, dir string, process snapshot.Process) target {
	t.Helper()
	above(t, 1000)
	out, in := newPipe(t)
	pid, err := engine(t).Restore(t.Context(), dir, process, in, in)
	if err != nil {
		t.Fatal(err)
	}
	_ = in.Close()
	if pid != process.PID {
		t.Errorf("restored as process %d, want %d", pid, process.PID)
	}
	return target{pid: pid, lines: linesOf(out)}
}

func TestRestoreNamesTheTakenID(t *testing.T) {
	if !inSandbox(t) {
		return
	}
	_, in := newPipe(t)
	_, err := engine(t).Restore(t.Context(), t.TempDir(), snapshot.Process{PID: 1, TIDs: []int{1}}, in, in)
	if err == nil || !strings.Contains(err.Error(), "id 1 is taken") {
		t.Errorf("got %v, want it to name the id that is taken", err)
	}
}

func TestRestoreOfAnEmptyDirectoryCarriesTheReason(t *testing.T) {
	if !inSandbox(t) {
		return
	}
	_, in := newPipe(t)
	_, err := engine(t).Restore(t.Context(), t.TempDir(), snapshot.Process{PID: 26001, TIDs: []int{26001}, Stdout: "pipe:[1]", Stderr: "pipe:[1]"}, in, in)
	if err == nil || !strings.Contains(err.Error(), "empty-image") {
		t.Errorf("got %v, want CRIU's own words", err)
	}
}

func TestDumpRefusesOutputThatIsNoPipe(t *testing.T) {
	if !inSandbox(t) {
		return
	}
	cmd := exec.Command("sleep", "60")
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	defer cmd.Process.Kill() //nolint:errcheck // the sandbox ends anyway
	_, err := engine(t).Dump(t.Context(), cmd.Process.Pid, t.TempDir())
	if err == nil || !strings.Contains(err.Error(), "/dev/null") {
		t.Errorf("got %v, want it to name what the output is", err)
	}
}

func TestFindSaysWhatIsMissing(t *testing.T) {
	_, err := criu.Find("/no/such/criu")
	if !errors.Is(err, criu.ErrUnavailable) || !strings.Contains(err.Error(), "/no/such/criu") {
		t.Errorf("got %v", err)
	}
}

func TestImageOfABetterCPUIsNotRestored(t *testing.T) {
	require.Program(t, "pypy", "pypy3")
	if !inSandbox(t) {
		return
	}
	p := launchPyPy(t)
	for p.next(t) < 20 {
	}
	dir, process := intoMemory(t, p)
	p.kill(t)
	addInstructions(t, filepath.Join(dir, "cpuinfo.img"))
	_, in := newPipe(t)
	_, err := engine(t).Restore(t.Context(), dir, process, in, in)
	if err == nil || !strings.Contains(err.Error(), "CPU") && !strings.Contains(err.Error(), "FPU") { // which comes first on some
		t.Errorf("got %v, want CRIU to name the CPU", err)
	}
	if _, err := os.Stat(fmt.Sprintf("/proc/%d", process.PID)); err == nil {
		t.Error("something of the process is left")
	}
}

// addInstructions makes an image one of a CPU that has everything. Two magic
// numbers and the length come before the message.
func addInstructions(t *testing.T, path string) {
	t.Helper()
	raw, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	var cpu cpuinfo.CpuinfoEntry
	if err := proto.Unmarshal(raw[12:], &cpu); err != nil {
		t.Fatal(err)
	}
	for i := range cpu.X86Entry[0].Capability {
		cpu.X86Entry[0].Capability[i] = 1<<32 - 1
	}
	message, err := proto.Marshal(&cpu)
	if err != nil {
		t.Fatal(err)
	}
	raw = binary.LittleEndian.AppendUint32(raw[:8], uint32(len(message)))
	if err := os.WriteFile(path, append(raw, message...), 0o600); err != nil {
		t.Fatal(err)
	}
}

func TestDumpThatCannotBeGivenUpIsCutOff(t *testing.T) {
	require.Program(t, "pypy", "pypy3")
	if !inSandbox(t) {
		return
	}
	p := launchPyPy(t)
	for p.next(t) < 20 {
	}
	d := prepare(t, p, 1<<30)
	if err := syscall.Kill(d.CRIU(), syscall.SIGSTOP); err != nil { // it answers nobody
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer cancel()
	begin := time.Now()
	err := d.Run(ctx)
	if !errors.Is(err, criu.ErrDamaged) || !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("got %v, want ErrDamaged because of the deadline", err)
	}
	if took := time.Since(begin); took > 20*time.Second {
		t.Errorf("it took %s", took)
	}
}

func TestDumpOntoAFullDiskFailsAndTheProcessGoesOn(t *testing.T) {
	require.Program(t, "pypy", "pypy3")
	if !inSandbox(t) {
		return
	}
	p := launchPyPy(t)
	for p.next(t) < 20 {
	}
	dir := t.TempDir()
	if err := unix.Mount("tmpfs", dir, "tmpfs", 0, "size=2m"); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = unix.Unmount(dir, unix.MNT_DETACH) })
	d, err := engine(t).PrepareDump(t.Context(), p.pid, criu.DumpOptions{Dir: dir})
	if err != nil {
		t.Fatal(err)
	}
	if err = d.Run(t.Context()); !errors.Is(err, unix.ENOSPC) || errors.Is(err, criu.ErrDamaged) {
		t.Errorf("got %v, want that there is no space", err)
	}
	if err := d.Close(); err != nil {
		t.Error(err)
	}
	continuesFromSnapshot(t, p, intoMemory)
}

func TestDumpOfAProcessThatIsKilledFails(t *testing.T) {
	require.Program(t, "pypy", "pypy3")
	if !inSandbox(t) {
		return
	}
	p := launchPyPy(t)
	for p.next(t) < 20 {
	}
	d := prepare(t, p, 1<<30)
	p.kill(t)
	err := d.Run(t.Context())
	if err == nil || errors.Is(err, criu.ErrDamaged) || strings.Contains(err.Error(), "\n") {
		t.Errorf("got %v, want one line that says that there is no process", err)
	}
	t.Log(err)
}

func TestWhatIsPreparedAndNotRunLeavesNothing(t *testing.T) {
	require.Program(t, "pypy", "pypy3")
	if !inSandbox(t) {
		return
	}
	p := launchPyPy(t)
	for p.next(t) < 20 {
	}
	dir := t.TempDir()
	before := descriptors(t)
	for range 5 {
		d, err := engine(t).PrepareDump(t.Context(), p.pid, criu.DumpOptions{Dir: dir, MaxMemory: 1 << 30})
		if err != nil {
			t.Fatal(err)
		}
		pid := d.CRIU()
		if err := errors.Join(d.Close(), d.Close()); err != nil {
			t.Error(err)
		}
		awaitEnd(t, pid)
		_, in := newPipe(t)
		r, err := engine(t).PrepareRestore(t.Context(), in, in)
		if err != nil {
			t.Fatal(err)
		}
		pid = r.CRIU()
		if err := errors.Join(r.Close(), r.Close()); err != nil {
			t.Error(err)
		}
		awaitEnd(t, pid)
	}
	runtime.GC() // closes the pipes of the test
	runtime.GC()
	if after := descriptors(t); after > before+1 {
		t.Errorf("%d descriptors are open, %d were before", after, before)
	}
	left, err := os.ReadDir(dir)
	if err != nil || len(left) != 1 || left[0].Name() != "dump.log" {
		t.Errorf("the directory has %v, want CRIU's log and nothing else", left)
	}
	continuesFromSnapshot(t, p, intoMemory)
}

func descriptors(t *testing.T) int {
	t.Helper()
	open, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Fatal(err)
	}
	return len(open)
}

func awaitEnd(t *testing.T, pid int) {
	t.Helper()
	for range 500 {
		if _, err := os.Stat(fmt.Sprintf("/proc/%d", pid)); err != nil {
			return
		}
		time.Sleep(10 * time.Millisecond)
	}
	t.Errorf("CRIU, process %d, does not end", pid)
}
