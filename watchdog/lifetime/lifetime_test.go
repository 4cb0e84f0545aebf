package lifetime

import (
	"context"
	"errors"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/pronghorn-faas/pronghorn/agent"
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

const procNetTCP = `  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode
   0: 0100007F:1388 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 1 1 0 100 0 0 10 0
   1: 0100007F:1388 0100007F:C350 01 00000000:00000000 00:00000000 00000000     0        0 2 1 0 20 4 30 10 -1
   2: 0100007F:C350 0100007F:1388 01 00000000:00000000 00:00000000 00000000     0        0 3 1 0 20 4 30 10 -1
   3: 0100007F:1388 0100007F:C351 08 00000000:00000000 00:00000000 00000000     0        0 4 1 0 20 4 30 10 -1
   4: 0100007F:1388 0100007F:C352 06 00000000:00000000 00:00000000 00000000     0        0 0 1 0 20 4 30 10 -1
`

func TestConnectionsIntoThePortAreCounted(t *testing.T) {
	for port, want := range map[uint64]int{5000: 2, 50000: 1, 80: 0} {
		if got := countIn([]byte(procNetTCP), port); got != want {
			t.Errorf("port %d: %d connections, want %d", port, got, want)
		}
	}
}

func FuzzCountIn(f *testing.F) {
	f.Add([]byte(procNetTCP), uint16(5000))
	f.Fuzz(func(t *testing.T, table []byte, port uint16) {
		if n := countIn(table, uint64(port)); n < 0 || n > len(table) {
			t.Errorf("%d connections in %d bytes", n, len(table))
		}
	})
}

func TestOpenConnectionHoldsUpTheCheckpoint(t *testing.T) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	conn, err := net.Dial("tcp", ln.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	accepted, err := ln.Accept()
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Millisecond)
	defer cancel()
	if err := awaitNoConnections(ctx, ln.Addr().String()); err == nil {
		t.Error("an open connection was not seen")
	}
	_ = conn.Close()
	_ = accepted.Close()
	if err := awaitNoConnections(t.Context(), ln.Addr().String()); err != nil {
		t.Error(err)
	}
}

func TestHookIsPostedAndItsAnswerCounts(t *testing.T) {
	status := http.StatusNoContent
	var method, path string
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		method, path = r.Method, r.URL.Path
		http.Error(w, "why not", status)
	}))
	defer s.Close()
	h := Hooks{Base: s.URL + "/", Before: "/before"}
	if err := h.beforeCheckpoint(t.Context()); err != nil || method != http.MethodPost || path != "/before" {
		t.Errorf("%s %s: %v", method, path, err)
	}
	status = http.StatusConflict
	if err := h.beforeCheckpoint(t.Context()); err == nil || !strings.Contains(err.Error(), "409 Conflict: why not") {
		t.Errorf("got %v, want the function's answer", err)
	}
	if err := h.afterRestore(t.Context()); err != nil {
		t.Errorf("no hook is set, and yet: %v", err)
	}
}
