package lifetime

import (
	"context"
	"errors"
	"log/slog"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/pronghorn-faas/pronghorn/agent"
	"github.com/pronghorn-faas/pronghorn/snapshot"
	"github.com/pronghorn-faas/pronghorn/watchdog/metrics"
)

// noted is a dump that notes what is done to it.
type noted struct {
	mu       sync.Mutex
	did      []string
	runs     error
	hasImage error
}

func (n *noted) note(what string) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.did = append(n.did, what)
}

func (n *noted) Run(context.Context) error { n.note("run"); return n.runs }

func (n *noted) Image() (*snapshot.Image, snapshot.Process, error) {
	n.note("image")
	return &snapshot.Image{}, snapshot.Process{}, n.hasImage
}

func (n *noted) Close() error { n.note("close"); return nil }

func prepared(dump PreparedDump) *preparation {
	p := &preparation{done: make(chan struct{}), gone: make(chan struct{}), dump: dump}
	close(p.done)
	p.expiry = time.AfterFunc(time.Hour, p.discard)
	return p
}

func TestImageOutlivesTheEndOfItsLifetime(t *testing.T) {
	n := &noted{}
	p := prepared(n)
	if err := p.run(t.Context()); err != nil {
		t.Fatal(err)
	}
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		p.end() // while the image waits to be handed out
	}()
	select {
	case <-ended:
		t.Error("the dump was closed with an image that nobody had")
	case <-time.After(50 * time.Millisecond):
	}
	if _, _, err := p.image(); err != nil {
		t.Error(err)
	}
	<-ended
	if want := []string{"run", "image", "close"}; !slices.Equal(n.did, want) {
		t.Errorf("%v, want %v", n.did, want)
	}
}

func TestDumpThatFailedIsClosedWithoutAnImage(t *testing.T) {
	n := &noted{runs: errors.New("no")}
	p := prepared(n)
	if err := p.run(t.Context()); !errors.Is(err, n.runs) {
		t.Errorf("got %v, want the dump's error", err)
	}
	p.end()
	if want := []string{"run", "close"}; !slices.Equal(n.did, want) {
		t.Errorf("%v, want %v", n.did, want)
	}
}

func TestCheckpointWhoseImageIsBrokenHasFailed(t *testing.T) {
	n := &noted{hasImage: errors.New("broken")}
	p := prepared(n)
	if err := p.run(t.Context()); err != nil {
		t.Fatal(err)
	}
	m := New(Settings{}, nil, nil, nil, metrics.New(), slog.New(slog.DiscardHandler))
	why := m.uploadTaken(t.Context(), newLife(), &agent.Checkpoint{}, p)
	if why.Code != codeDump || !errors.Is(why.Err, n.hasImage) {
		t.Errorf("got %v, want that the image is broken", why)
	}
	<-p.gone
}
