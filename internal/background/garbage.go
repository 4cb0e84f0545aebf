package background

import (
	"runtime/debug"
	"sync"
)

// garbage is the collection of it, which is the process's.
type garbage struct {
	mu      sync.Mutex
	held    int // by how many
	percent int // GOGC without them
}

// collector can be held. A collection takes a CPU some ms, and its runtime new
// memory: 150 page faults were counted in a start of 110 ms.
var collector garbage

func (g *garbage) hold() (release func()) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.held++; g.held == 1 {
		g.percent = debug.SetGCPercent(-1)
	}
	return g.release
}

func (g *garbage) release() {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.held--; g.held == 0 {
		debug.SetGCPercent(g.percent)
	}
}
