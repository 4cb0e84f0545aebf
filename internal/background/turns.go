package background

import (
	"sync"
	"time"
)

// turns say whether work in the background may go on, which is the process's.
type turns struct {
	mu      sync.Mutex
	changed sync.Cond
	awaited int // by how many
	held    int // by how many
}

func newTurns() *turns {
	t := &turns{}
	t.changed.L = &t.mu
	return t
}

var turn = newTurns()

// raise raises a number until what it returns is called.
func (t *turns) raise(n *int) (back func()) {
	t.add(n, 1)
	return sync.OnceFunc(func() { t.add(n, -1) })
}

func (t *turns) add(n *int, by int) {
	t.mu.Lock()
	defer t.mu.Unlock()
	*n += by
	t.changed.Broadcast()
}

// wait returns when nobody holds work up, or somebody waits for it.
func (t *turns) wait() {
	t.mu.Lock()
	defer t.mu.Unlock()
	for t.held > 0 && t.awaited == 0 {
		t.changed.Wait()
	}
}

func (t *turns) isAwaited() bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.awaited > 0
}

// Await says that somebody waits for work in the background and nobody for
// anything else of this process, until done is called: it does not rest then.
func Await() (done func()) { return turn.raise(&turn.awaited) }

// mostHeld bounds how long work is held up.
const mostHeld = time.Second

// Hold keeps work in the background where it asks for its turn next, until release
// is called or a second has passed: for a time in which somebody waits for all that
// this process does. Nor is garbage collected meanwhile, unless the memory limit of
// the runtime (GOMEMLIMIT) asks for it.
func Hold() (release func()) {
	work, garbage := turn.raise(&turn.held), collector.hold()
	back := sync.OnceFunc(func() {
		work()
		garbage()
	})
	timer := time.AfterFunc(mostHeld, back)
	return func() {
		timer.Stop()
		back()
	}
}

// Rest stops the caller, which works in the background, for d, unless somebody
// waits for it.
func Rest(d time.Duration) {
	if !turn.isAwaited() {
		time.Sleep(d)
	}
}

// Turn stops the caller, which works in the background, for as long as work is
// held up. What others wait for, another process perhaps, must not be stopped so.
func Turn() { turn.wait() }
