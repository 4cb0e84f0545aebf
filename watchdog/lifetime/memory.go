package lifetime

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/pronghorn-faas/pronghorn/snapshot"
	"github.com/pronghorn-faas/pronghorn/snapshot/criu"
	"github.com/pronghorn-faas/pronghorn/snapshot/userfault"
	"github.com/pronghorn-faas/pronghorn/watchdog/process"
)

// memory is that of a restored process which does not get it from CRIU: what it
// touches at once comes before it runs, the rest when it has nothing to do. The nil
// memory is that of a process that has all of it.
type memory struct {
	pager *userfault.Pager
	began time.Time
}

const (
	// leastGiven is how much memory must not come from CRIU for it to be worth it, in
	// bytes.
	leastGiven = 4 << 20
	// waitPages is what a process that waits for a page costs, in pages that it gets
	// with the rest.
	waitPages = 10
)

// later returns what says of an image which pages may come later; nil = none may.
func (m *Manager) later(l *life) snapshot.Later {
	if !m.Lazy {
		return nil
	}
	return func(dir string) ([]userfault.Missing, error) {
		nobodyWaits := l.follows && m.gate.Waiting() == 0 // for the start, but somebody would for pages
		learn := l.plan.CheckpointAt > 0 && !m.Evict
		list, known, err := criu.Later(dir, func(list []userfault.Missing, known criu.Touches) bool {
			l.whole = nobodyWaits || !m.worthLater(list, known.Waits, learn)
			return l.whole
		})
		if err != nil {
			return nil, err
		}
		l.known = known
		if !worthGiving(list, l.whole) {
			return nil, nil
		}
		l.missing = list
		return list, nil
	}
}

// worthLater reports whether it is worth it that memory comes later: for a start
// whose checkpoint will know better what the process touches first, or if that is
// known so well that the process will hardly wait. waits is how often it did.
func (m *Manager) worthLater(list []userfault.Missing, waits int, learn bool) bool {
	later, soon := amounts(list)
	saved := later - soon
	return saved >= uint64(m.LazyMin) && (learn || soon > 0 && uint64(waits)*waitPages*userfault.PageSize < saved)
}

// worthGiving reports whether it is worth it that memory does not come from CRIU,
// which reads page by page what comes in larger pieces from a pager. Of processes
// that get all of their memory CRIU knows best what they share.
func worthGiving(list []userfault.Missing, whole bool) bool {
	all, _ := amounts(list)
	return all >= leastGiven && (!whole || len(list) == 1)
}

// amounts are how much memory may come later, and how much of that is needed soon,
// in bytes.
func amounts(list []userfault.Missing) (later, soon uint64) {
	for _, of := range list {
		later += bytesOf(of.Regions)
		soon += bytesOf(of.Soon)
	}
	return later, soon
}

func bytesOf(regions []userfault.Region) (n uint64) {
	for _, r := range regions {
		n += r.End - r.Start
	}
	return n
}

// newMemory is what gives the process of a lifetime its memory from the fetched
// pages.
func (m *Manager) newMemory(l *life, f snapshot.Fetched) (*memory, error) {
	if f.Kept && f.Pages != nil { // nobody has asked yet
		if _, err := m.later(l)(f.Dir); err != nil {
			return nil, err
		}
	}
	if len(l.missing) == 0 {
		return nil, nil
	}
	pager, err := userfault.New(f.Pages, func() bool { return m.gate.Inside() > 0 })
	if err != nil {
		return nil, err
	}
	return &memory{pager: pager, began: time.Now()}, nil
}

// memoryLater is what the restore is told of the memory that comes later.
func (l *life) memoryLater() *process.Memory {
	if l.memory == nil {
		return nil
	}
	return &process.Memory{Missing: l.missing, Pager: l.memory.pager}
}

// fill lets the process have the rest when it has nothing to do.
func (y *memory) fill() {
	if y != nil {
		y.pager.Fill(userfault.Gently)
	}
}

// fillWhenServed lets the process of a lifetime that is about to serve have the
// rest when its first answer is complete, or when none has come for a while.
func (m *Manager) fillWhenServed(l *life) {
	m.first.Store(l.memory)
	if l.memory != nil {
		time.AfterFunc(baseDelay, l.memory.fill)
	}
}

// finish lets the process have the rest at once, and waits until it has it.
func (y *memory) finish(ctx context.Context) error {
	if y == nil {
		return nil
	}
	y.pager.Fill(userfault.Now)
	select {
	case <-y.pager.Done():
		return y.pager.Err()
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// end frees what is left of the memory of a process that has ended.
func (y *memory) end() {
	if y != nil {
		y.pager.Close()
	}
}

// mostTouched is the part of its memory that a process may touch first: if it is
// more, what was expected of it is forgotten, since most of it must be old.
const mostTouched = 0.75

// touches is what is known at the checkpoint of what the process touches first:
// what it has, and what it was expected to.
func (l *life) touches() criu.Touches {
	if l.memory == nil || l.whole {
		return l.known
	}
	pager := l.memory.pager
	t := criu.Touches{Ranges: slices.Clone(pager.Touched())}
	all, soon := amounts(l.missing)
	var expected []userfault.Touched
	for _, of := range l.missing {
		for _, r := range of.Soon {
			expected = append(expected, userfault.Touched{PID: of.PID, Start: r.Start, End: r.End})
		}
	}
	if soon > 0 { // else it says nothing of what is known now
		t.Waits = pager.Asked()
	}
	if float64(soon) <= mostTouched*float64(all) {
		t.Ranges = append(t.Ranges, expected...)
	} else { // without them it would have waited more often
		t.Waits += int(soon / userfault.PageSize)
	}
	return t
}

// guard returns a context that also ends when memory cannot be given.
func (y *memory) guard(ctx context.Context) (context.Context, context.CancelFunc) {
	if y == nil {
		return ctx, func() {}
	}
	return y.pager.Context(ctx)
}

// reason is why something failed: if memory could not be given, what was seen
// of the process is what followed from that.
func (y *memory) reason(why Failure) Failure {
	if y == nil || why.None() {
		return why
	}
	select {
	case <-y.pager.Done():
		if err := y.pager.Err(); err != nil {
			return Failure{codeFetch, err}
		}
	default:
	}
	return why
}

// attend waits until the process has all of its memory, or has ended. A process
// that cannot get what it waits for would wait for ever.
func (m *Manager) attend(l *life) {
	if l.memory == nil {
		return
	}
	select {
	case <-l.memory.pager.Done():
	case <-l.process.Done():
		l.memory.end()
		return
	}
	if err := l.memory.pager.Err(); err != nil && !errors.Is(err, userfault.ErrClosed) {
		m.log.Error("the function cannot be given its memory, ending it", "snapshot", l.record.Snapshot, "reason", err)
		l.process.Kill()
		l.memory.end()
		return
	}
	m.metrics.ObserveStep("memory", time.Since(l.memory.began))
	m.metrics.PageFaults.Add(float64(l.memory.pager.Asked()))
}
