package process_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/pronghorn-faas/pronghorn/internal/syncbuffer"
	"github.com/pronghorn-faas/pronghorn/snapshot"
	"github.com/pronghorn-faas/pronghorn/snapshot/userfault"
	"github.com/pronghorn-faas/pronghorn/watchdog/process"
)

func start(t *testing.T, out process.Output, script string) *process.Process {
	t.Helper()
	p, err := process.StartCold(process.Command{Args: []string{"/bin/sh", "-c", script}, Env: os.Environ()}, nil, out)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(p.Kill)
	return p
}

func done(t *testing.T, p *process.Process) {
	t.Helper()
	select {
	case <-p.Done():
	case <-time.After(10 * time.Second):
		t.Fatal("the process does not end")
	}
}

func TestOutputIsPassedOnLineByLine(t *testing.T) {
	now := func() time.Time { return time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC) }
	for claim, tc := range map[string]struct {
		prefix           bool
		script           string
		wantOut, wantErr string
	}{
		"bare":                               {false, "echo out; echo err >&2", "out\n", "err\n"},
		"with time and stream":               {true, "echo a; echo b; echo err >&2", "2026/01/02 03:04:05 stdout: a\n2026/01/02 03:04:05 stdout: b\n", "2026/01/02 03:04:05 stderr: err\n"},
		"a last line without its end":        {true, "printf x", "2026/01/02 03:04:05 stdout: x\n", ""},
		"a line longer than any buffer":      {true, "head -c 300000 /dev/zero | tr '\\0' y; echo", "2026/01/02 03:04:05 stdout: " + strings.Repeat("y", 300000) + "\n", ""},
		"what a grandchild printed and left": {false, "(sleep 0.1; echo late) & wait", "late\n", ""},
	} {
		t.Run(claim, func(t *testing.T) {
			var stdout, stderr syncbuffer.Buffer
			p := start(t, process.Output{Stdout: &stdout, Stderr: &stderr, Prefix: tc.prefix, Now: now}, tc.script)
			done(t, p)
			if stdout.String() != tc.wantOut || stderr.String() != tc.wantErr {
				t.Errorf("stdout %.100q, stderr %.100q; want %.100q and %.100q", stdout.String(), stderr.String(), tc.wantOut, tc.wantErr)
			}
		})
	}
}

func TestEndIsSeenWithItsStatus(t *testing.T) {
	for script, want := range map[string]string{"exit 0": "<nil>", "exit 3": "exit status 3", "kill -9 $$": "signal: killed"} {
		t.Run(script, func(t *testing.T) {
			p := start(t, process.Output{Stdout: &syncbuffer.Buffer{}, Stderr: &syncbuffer.Buffer{}}, script)
			done(t, p)
			if got := fmt.Sprint(p.Err()); got != want {
				t.Errorf("got %s, want %s", got, want)
			}
		})
	}
}

func alive(pid string) bool {
	status, err := os.ReadFile("/proc/" + pid + "/status")
	return err == nil && !strings.Contains(string(status), "State:\tZ")
}

func TestKillLeavesNobodyBehind(t *testing.T) {
	var stdout syncbuffer.Buffer
	// One child in the process's group, one in a session of its own.
	p := start(t, process.Output{Stdout: &stdout, Stderr: &syncbuffer.Buffer{}}, "sleep 300 & echo $!; setsid sh -c 'echo $$; exec sleep 300' & sleep 0.3; echo ready; wait")
	for range 500 {
		if strings.Contains(stdout.String(), "ready") {
			break
		}
		time.Sleep(10 * time.Millisecond)
	}
	pids := strings.Fields(strings.TrimSuffix(stdout.String(), "ready\n"))
	p.Kill()
	for _, pid := range pids {
		for range 100 {
			if !alive(pid) {
				break
			}
			time.Sleep(10 * time.Millisecond)
		}
		if alive(pid) {
			t.Errorf("process %s is still there", pid)
		}
	}
	if len(pids) < 2 {
		t.Errorf("the script printed %q, want two pids", stdout.String())
	}
}

func TestStopKillsWhatIgnoresSIGTERM(t *testing.T) {
	var stdout syncbuffer.Buffer
	p := start(t, process.Output{Stdout: &stdout, Stderr: &syncbuffer.Buffer{}}, "trap '' TERM; echo ready; while :; do sleep 0.05; done")
	for range 500 {
		if stdout.String() != "" {
			break
		}
		time.Sleep(10 * time.Millisecond)
	}
	begin := time.Now()
	p.Stop(200 * time.Millisecond)
	if took := time.Since(begin); took < 200*time.Millisecond || took > 5*time.Second {
		t.Errorf("stopped after %s, want the grace period of 200ms and little more", took)
	}
}

func TestProgramThatCannotBeExecutedIsAnError(t *testing.T) {
	_, err := process.StartCold(process.Command{Args: []string{"/no/such/program"}}, nil, process.Output{Stdout: &syncbuffer.Buffer{}, Stderr: &syncbuffer.Buffer{}})
	if !errors.Is(err, os.ErrNotExist) {
		t.Errorf("got %v, want that it does not exist", err)
	}
}

func TestFunctionWhoseIDCannotBeHadIsNotStarted(t *testing.T) {
	why := errors.New("no such id")
	started := filepath.Join(t.TempDir(), "started")
	c := process.Command{Args: []string{"touch", started}, PID: 7}
	if _, err := process.StartCold(c, anyPIDs{why}, output()); !errors.Is(err, process.ErrNoID) || !errors.Is(err, why) {
		t.Errorf("got %v, want ErrNoID with its reason", err)
	}
	if _, err := os.Stat(started); err == nil {
		t.Error("it was started")
	}
	c.PID = 0
	p, err := process.StartCold(c, anyPIDs{why}, output())
	if err != nil {
		t.Fatalf("with any id: %v", err)
	}
	<-p.Done()
}

func output() process.Output {
	return process.Output{Stdout: &syncbuffer.Buffer{}, Stderr: &syncbuffer.Buffer{}}
}

type noRestore struct{ err error }

func (n noRestore) PrepareRestore(context.Context, *os.File, *os.File) (process.PreparedRestore, error) {
	return n, nil
}

func (n noRestore) Run(context.Context, string, snapshot.Process) (int, error) { return 0, n.err }

func (n noRestore) RunLazily(context.Context, string, snapshot.Process, []userfault.Missing, *userfault.Pager) (int, error) {
	return 0, n.err
}

func (noRestore) Learn(context.Context, string, string) error { return nil }
func (noRestore) Close() error                                { return nil }

type anyPIDs struct{ err error }

func (anyPIDs) Below() error      { return nil }
func (p anyPIDs) Above(int) error { return p.err }

func TestFailedRestoreCarriesTheReason(t *testing.T) {
	why := errors.New("broken image")
	r, err := process.PrepareRestore(t.Context(), noRestore{why}, anyPIDs{}, process.Output{Stdout: &syncbuffer.Buffer{}, Stderr: &syncbuffer.Buffer{}})
	if err != nil {
		t.Fatal(err)
	}
	_, err = r.Run(t.Context(), "", snapshot.Process{}, nil)
	if !errors.Is(err, why) {
		t.Errorf("got %v, want %v", err, why)
	}
}
