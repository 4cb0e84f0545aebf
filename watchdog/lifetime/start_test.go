package lifetime

import (
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/pronghorn-faas/pronghorn/internal/background"
	"github.com/pronghorn-faas/pronghorn/watchdog/metrics"
	"github.com/pronghorn-faas/pronghorn/watchdog/process"
)

func TestWhatALifetimeHasLeftWaitsUntilTheNextOneHasAnswered(t *testing.T) {
	function := httptest.NewServer(http.NotFoundHandler()) // something that accepts connections
	defer function.Close()
	m := New(Settings{
		Command: process.Command{Args: []string{"sleep", "60"}}, Address: function.Listener.Addr().String(),
		Output: process.Output{Stdout: io.Discard, Stderr: io.Discard},
	}, nil, nil, nil, metrics.New(), slog.New(slog.DiscardHandler))
	l, err := m.start(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer l.process.Kill()
	goesOn := make(chan time.Time)
	go func() {
		background.Turn()
		goesOn <- time.Now()
	}()
	time.Sleep(50 * time.Millisecond)
	answered := time.Now()
	m.NoteResponse()
	if at := <-goesOn; at.Before(answered) {
		t.Errorf("it went on %v before the first answer", answered.Sub(at))
	}
}
