// Package background runs what nobody waits for so that it gives way to what
// somebody waits for.
package background

import (
	"runtime"

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
