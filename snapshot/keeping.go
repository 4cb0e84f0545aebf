package snapshot

import "context"

// keep puts a frame from the pool into the cache: at once, or, where a process
// is to start from it before all is unpacked, when all of the image is here. Its
// stored bytes must stay as they are until then; those of an encrypted one do not.
func (l *load) keep(f Frame, stored []byte) {
	if l.cached == nil || l.later == nil || l.framer.sealer != nil {
		l.cached.write(f, stored)
		l.step("fetch: frame cached")
		return
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.unkept = append(l.unkept, storedFrame{f, stored})
}

// keeps takes over the frames of a pack that are still to be put into the cache,
// with the lock of its file: other containers wait for them. It reports whether
// there are any.
func (l *later) keeps(of *load) bool {
	if l == nil || len(of.unkept) == 0 {
		return false
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.unkept = append(l.unkept, of)
	return true
}

// keep puts into the cache what was left for later, so that it gives way to the
// start. Others may wait for it: another container, or the next start in this
// one; after a failure the next try does.
func (l *later) keep(failure error) {
	spread := gently
	if failure != nil {
		spread = parallel
	}
	for _, of := range l.unkept {
		_ = spread(context.Background(), len(of.unkept), 1, func() func(int) error { // no piece of work fails
			return func(i int) error {
				f := of.unkept[i]
				of.cached.write(f.Frame, f.stored)
				l.step("fetch: frame cached")
				return nil
			}
		})
		of.cached.close()
	}
}
