// Package background runs what nobody waits for so that it gives way to what
// somebody waits for.
package background

import (
	"runtime"
	"sync"
	"time"

	"golang.org/x/sys/unix"
)

// nice is what a thread is made nicer by: it gets a third of what others get of
// a CPU that they want, too. More would make an upload from a worker that is
// busy all the time take too long.
const nice = 5

// jobs are taken by the threads that wait for more to do. They are the process's,
// as threads are. They stay: not everybody may raise a priority again, and each
// one that ended would have the runtime start another, whose id could be one that
// a snapshot of a function needs.
var jobs = make(chan func())

// Do runs f on a thread whose priority is low, and waits for it. There are as
// many such threads as have been needed at a time.
//
// Goroutines that f starts do not run there. Children that it starts would have
// the low priority for good.
func Do(f func()) {
	leaveRoom.begin()
	defer leaveRoom.end()
	done := make(chan struct{})
	job := func() {
		defer close(done)
		f()
	}
	select {
	case jobs <- job:
	default:
		go work(job)
	}
	<-done
}

func work(job func()) {
	runtime.LockOSThread() // to the end
	GiveWay(unix.Gettid())
	for {
		job()
		job = <-jobs
	}
}

// GiveWay lowers the priority of a thread, for good, or of a process of one
// thread, by their ids. That the kernel refuses it costs the others time only.
func GiveWay(id int) {
	inverted, err := unix.Getpriority(unix.PRIO_PROCESS, id)
	if err != nil {
		return
	}
	_ = unix.Setpriority(unix.PRIO_PROCESS, id, 20-inverted+nice)
}

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

// wait returns when nobody holds work up, or somebody waits for it, and reports
// whether somebody does.
func (t *turns) wait() (awaited bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for t.held > 0 && t.awaited == 0 {
		t.changed.Wait()
	}
	return t.awaited > 0
}

// Await says that somebody waits for work in the background and nobody for
// anything else of this process, until done is called: it does not rest then.
func Await() (done func()) { return turn.raise(&turn.awaited) }

// mostHeld bounds how long work is held up.
const mostHeld = time.Second

// Hold keeps work in the background where it rests next, until release is
// called or a second has passed: for a time in which somebody waits for all that
// this process does.
func Hold() (release func()) {
	back := turn.raise(&turn.held)
	timer := time.AfterFunc(mostHeld, back)
	return func() {
		timer.Stop()
		back()
	}
}

// Rest stops the caller, which works in the background, for d, and as long as
// work is held up.
func Rest(d time.Duration) {
	if !turn.wait() {
		time.Sleep(d)
		turn.wait()
	}
}

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
	if r.busy--; r.busy == 0 {
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
