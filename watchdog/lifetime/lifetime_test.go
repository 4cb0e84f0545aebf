package lifetime

import (
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/pronghorn-faas/pronghorn/agent"
	"github.com/pronghorn-faas/pronghorn/snapshot"
	"github.com/pronghorn-faas/pronghorn/snapshot/criu"
	"github.com/pronghorn-faas/pronghorn/watchdog/process"
)

func TestStopsOfALifetime(t *testing.T) {
	for claim, tc := range map[string]struct {
		plan          agent.Plan
		requestNumber int
		wantNext      int
		wantAfter     int // the stop after the first one was taken
	}{
		"nothing planned":                          {agent.Plan{}, 0, 0, 0},
		"eviction alone":                           {agent.Plan{EvictAfter: 4}, 7, 4, 4},
		"a checkpoint counts from the lineage":     {agent.Plan{CheckpointAt: 9, EvictAfter: 4}, 7, 2, 4},
		"a checkpoint with the last request":       {agent.Plan{CheckpointAt: 11, EvictAfter: 4}, 7, 4, 4},
		"a checkpoint that lies behind is none":    {agent.Plan{CheckpointAt: 7, EvictAfter: 4}, 7, 4, 4},
		"a checkpoint without eviction comes once": {agent.Plan{CheckpointAt: 3}, 0, 3, 0},
	} {
		t.Run(claim, func(t *testing.T) {
			l := &life{plan: tc.plan}
			l.record.RequestNumber = tc.requestNumber
			s := newStops(l)
			if got := s.next(); got != tc.wantNext {
				t.Errorf("first stop %d, want %d", got, tc.wantNext)
			}
			s.taken(tc.wantNext, Failure{})
			if got := s.next(); got != tc.wantAfter {
				t.Errorf("next stop %d, want %d", got, tc.wantAfter)
			}
		})
	}
}

func TestBusyCheckpointIsTriedAgainAndThenGivenUp(t *testing.T) {
	s := stops{checkpoint: 3}
	busy := Failure{codeBusy, errors.New("busy")}
	s.taken(3, busy)
	if s.checkpoint != 3+busyBackoff {
		t.Errorf("tried again at %d, want %d", s.checkpoint, 3+busyBackoff)
	}
	for range busyTries - 1 {
		s.taken(s.checkpoint, busy)
	}
	if s.checkpoint != 0 {
		t.Errorf("after %d tries another is planned at %d", busyTries, s.checkpoint)
	}
}

func TestPlansThatMakeNoSenseAreRefused(t *testing.T) {
	whole := agent.Restore{Snapshot: "s", ManifestURL: "u", Packs: []agent.Pack{{ID: "s", URL: "u"}}, ManifestSHA256: "h"}
	for claim, p := range map[string]agent.Plan{
		"negative checkpoint": {CheckpointAt: -1},
		"negative eviction":   {EvictAfter: -1},
		"no URL":              {Restore: &agent.Restore{Snapshot: "s", Packs: whole.Packs, ManifestSHA256: "h"}},
		"no checksum":         {Restore: &agent.Restore{Snapshot: "s", ManifestURL: "u", Packs: whole.Packs}},
	} {
		if check(p) == nil {
			t.Errorf("%s: accepted", claim)
		}
	}
	if err := check(agent.Plan{Restore: &whole, CheckpointAt: 3}); err != nil {
		t.Error(err)
	}
}

// noPIDs are chosen well, but cannot be had.
type noPIDs struct{ PIDs }

func (noPIDs) First(int) (int, error) { return 501, nil }
func (noPIDs) Above(int) error        { return errors.New("no memory") }

func TestFunctionStartsWithoutTheIDThatItWasToHave(t *testing.T) {
	function := httptest.NewServer(http.NotFoundHandler()) // something that accepts connections
	defer function.Close()
	s := Settings{
		Command: process.Command{Args: []string{"sleep", "60"}}, Address: function.Listener.Addr().String(),
		Output: process.Output{Stdout: io.Discard, Stderr: io.Discard}, PIDs: noPIDs{},
		Agent: struct{ Agent }{}, Support: NewSupport(func() (string, bool, error) { return "privileged", true, nil }, nil),
	}
	l := newLife()
	l.plan.CheckpointAt = 3
	if err := New(s, nil, nil, nil, nil, slog.New(slog.DiscardHandler)).startCold(t.Context(), l); err != nil {
		t.Fatal(err)
	}
	l.process.Kill()
	if l.plan.CheckpointAt != 0 {
		t.Errorf("a checkpoint is still planned, at %d", l.plan.CheckpointAt)
	}
}

func TestFailedStartsThatSpeakAgainstTheSnapshot(t *testing.T) {
	for claim, tc := range map[string]struct {
		failure Failure
		want    bool
	}{
		"CRIU cannot restore it":             {Failure{codeRestore, errors.New("broken")}, true},
		"its process ids are taken here":     {Failure{codeRestore, fmt.Errorf("restore: %w", criu.ErrIDs)}, false},
		"the pool cannot be reached":         {Failure{codeFetch, errors.New("refused")}, false},
		"what the pool has of it is corrupt": {Failure{codeFetch, fmt.Errorf("fetch: %w", snapshot.ErrCorrupt)}, true},
	} {
		if got := tc.failure.blamesSnapshot(); got != tc.want {
			t.Errorf("%s: got %t, want %t", claim, got, tc.want)
		}
	}
}

func TestHookIsPostedAndItsAnswerCounts(t *testing.T) {
	status := http.StatusNoContent
	var method, path, waiting string
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		method, path, waiting = r.Method, r.URL.Path, r.Header.Get(waitingHeader)
		http.Error(w, "why not", status)
	}))
	defer s.Close()
	h := Hooks{Base: s.URL + "/", Before: "/before"}
	if err := h.beforeCheckpoint(t.Context(), http.DefaultTransport, 2); err != nil || method != http.MethodPost || path != "/before" || waiting != "2" {
		t.Errorf("%s %s, %s waiting: %v", method, path, waiting, err)
	}
	status = http.StatusConflict
	if err := h.beforeCheckpoint(t.Context(), http.DefaultTransport, 2); err == nil || !strings.Contains(err.Error(), "409 Conflict: why not") {
		t.Errorf("got %v, want the function's answer", err)
	}
	if err := h.afterRestore(t.Context(), http.DefaultTransport); err != nil {
		t.Errorf("no hook is set, and yet: %v", err)
	}
}

func TestTheAgentKnowsTheCodesOfStarts(t *testing.T) {
	for _, code := range []string{codeNoCRIU, codeAgent, codeFetch, codeRestore, codeNotReady, codeHook, codeCrashed} {
		l := newLife()
		l.plan.Reason = "cold: no usable snapshot for this platform"
		l.record.StartReason = reasonFor(l, Failure{code, errors.New("a: b")})
		if got := l.record.StartCode(); got != code {
			t.Errorf("a start for %s is counted as %s", code, got)
		}
		l.record.StartReason = reasonFor(l, Failure{})
		if got := l.record.StartCode(); got != codePlanned {
			t.Errorf("a planned start is counted as %s", got)
		}
	}
}
