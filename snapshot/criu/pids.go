package criu

import (
	"fmt"
	"os"
	"strconv"
	"strings"
	"sync"
)

// Way is how process ids are chosen.
type Way string

const (
	// Proc: /proc/sys is writable, and the kernel's cursor is set there.
	Proc Way = "proc"
	// PrivateProc: /proc/sys is read-only, as container engines make it, and the
	// cursor is set in a procfs of our own, which is mounted nowhere. It needs
	// SYS_ADMIN.
	PrivateProc Way = "private-proc"
	// UsedUp: neither is possible, and ids are used up until the kernel gives out
	// those that are wanted. The cursor only goes up.
	UsedUp Way = "used-up"
)

// The ids of functions lie far above those of everything else in the container,
// so that they are free when a snapshot is restored.
const (
	// firstPID is the id of a function, unless another is asked for.
	firstPID = 20001
	// firstUsed is firstPID where ids have to be used up, which costs 26 to 77 µs
	// each (measured, two CPUs with other work), on every start. It is higher
	// where firstRoom below it does not hold.
	firstUsed = 501
	firstRoom = 200
	// belowPID is where ids start that are to be below those of functions.
	belowPID = 1000
	// nearRoom is how far below the first id Approach stops: room for CRIU.
	nearRoom = 100
)

// PIDs chooses the ids of processes and threads to come, in this PID namespace.
// How, it finds out when it is first used, by trial. The zero value is ready,
// and may be used by several goroutines.
type PIDs struct {
	once   sync.Once // for what follows
	err    error     // there is no way
	way    Way
	cursor *os.File // of the kernel; nil for UsedUp
	first  int      // for UsedUp

	mu sync.Mutex // held while ids are used up
}

// Choose finds out in which way ids are chosen here. The error wraps
// ErrUnavailable and says what to do about it.
func (p *PIDs) Choose() (Way, error) {
	p.once.Do(p.choose)
	return p.way, p.err
}

// First is the id that a function gets that is started cold: the one that is
// wanted; 0 = the one that is best here.
func (p *PIDs) First(wanted int) (int, error) {
	switch way, err := p.Choose(); {
	case err != nil:
		return 0, err
	case wanted > 0:
		return wanted, nil
	case way == UsedUp:
		return p.first, nil
	}
	return firstPID, nil
}

// Approach spares a later Above most of the time that it takes where ids have to
// be used up; wanted is as for First. Ids stay below those of functions.
func (p *PIDs) Approach(wanted int) error {
	first, err := p.First(wanted)
	if err != nil || p.way != UsedUp {
		return err
	}
	return p.Above(first - 1 - nearRoom)
}

// Below makes what starts next get ids below those of functions. Where ids have
// to be used up they are that already, or never will be.
func (p *PIDs) Below() error {
	if way, err := p.Choose(); err != nil || way == UsedUp {
		return err
	}
	return p.set(belowPID)
}

// Above makes what starts next get ids above last: the next ones, unless they
// have to be used up and are already.
func (p *PIDs) Above(last int) error {
	switch way, err := p.Choose(); {
	case err != nil:
		return err
	case way == UsedUp:
		p.mu.Lock()
		defer p.mu.Unlock()
		return useUp(last)
	}
	return p.set(last)
}

func (p *PIDs) set(last int) error {
	if err := writeCursor(p.cursor, last); err != nil {
		return fmt.Errorf("set the next process id to %d: %w", last+1, err)
	}
	return nil
}

// writeCursor writes at the start of the file, which is the only place where
// the kernel takes it.
func writeCursor(f *os.File, last int) error {
	_, err := f.WriteAt([]byte(strconv.Itoa(last)), 0)
	return err
}

func readCursor(f *os.File) (int, error) {
	raw := make([]byte, 32)
	n, err := f.ReadAt(raw, 0)
	if n == 0 {
		return 0, err
	}
	return strconv.Atoi(strings.TrimSpace(string(raw[:n])))
}
