package background

import (
	"runtime"
	"sync"
)

// room is how many goroutines may run at a time, which is the process's.
type room struct {
	mu     sync.Mutex
	busy   int // pieces of work
	before int // what it was without any
}

// leaveRoom lets a goroutine run while others compute in the background, one on
// each CPU ([Workers]). By itself the runtime would let none run beside them, and
// look for what has come from the network every 10 ms: a request that is handed
// on four times would take 40 ms. Nor is it enough that they are many and the
// kernel prefers others: a thread of theirs that runs Go keeps the right to do so
// while the kernel lets another process run instead, a function's compiler for
// instance, and if all of those rights are theirs a request waits for as long
// (60 ms were seen). Without such work, one more at a time is worse: the kernel
// changes between them in slices of some ms, and the slowest of 64 requests at a
// time took 1.8 times as long on one CPU.
var leaveRoom room

func (r *room) begin() {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.busy++; r.busy == 1 {
		r.before = runtime.GOMAXPROCS(0)
		runtime.GOMAXPROCS(r.before + 1)
	}
}

func (r *room) end() {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.busy--; r.busy > 0 {
		return
	}
	runtime.SetDefaultGOMAXPROCS() // which goes on following the container's limit
	if runtime.GOMAXPROCS(0) != r.before {
		runtime.GOMAXPROCS(r.before)
	}
}

func (r *room) workers() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.busy > 0 {
		return r.before
	}
	return runtime.GOMAXPROCS(0)
}

// Workers is how many goroutines compute at a time, in the background or not: as
// many as there are CPUs for the process, whether or not it works in the
// background just now. GOMAXPROCS may be one more.
func Workers() int { return leaveRoom.workers() }
