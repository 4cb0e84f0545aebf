package snapshot

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"maps"
	"slices"
)

// RewritePack copies those frames of the pack old of function fn that any of
// the manifests needs, as they are, into a new pack newID. It returns the
// manifests, each referring to that instead, and its size in bytes. Every frame
// is compared with its checksum; no key is needed.
func RewritePack(ctx context.Context, pool Pool, fn, old, newID string, users []Manifest) ([]Manifest, int64, error) {
	frames, err := neededFrames(fn, old, users)
	if err != nil {
		return nil, 0, fmt.Errorf("rewrite pack %s of %s: %w", old, fn, err)
	}
	moved, size := moveFrames(frames)
	rewritten := make([]Manifest, len(users))
	for i, m := range users {
		if rewritten[i], err = m.moved(old, newID, size, moved); err != nil {
			return nil, 0, fmt.Errorf("rewrite pack %s of %s: %w", old, fn, err)
		}
	}
	if err := copyFrames(ctx, pool, PackKey(fn, old), PackKey(fn, newID), frames, size); err != nil {
		return nil, 0, fmt.Errorf("rewrite pack %s of %s: %w", old, fn, err)
	}
	return rewritten, size, nil
}

// NeededBytes returns how many stored bytes of a pack any of the manifests
// needs: the size that it would have after RewritePack.
func NeededBytes(pack string, users []Manifest) int64 {
	needed := map[int]int64{}
	for _, m := range users {
		for i, p := range m.Packs {
			if p.ID != pack {
				continue
			}
			for _, f := range m.packFrames(i) {
				needed[f.N] = f.Bytes
			}
		}
	}
	var n int64
	for _, size := range needed {
		n += size
	}
	return n
}

// neededFrames returns the frames that any of the manifests needs, ascending.
func neededFrames(fn, pack string, users []Manifest) ([]Frame, error) {
	needed := map[int]Frame{}
	for _, m := range users {
		i := slices.IndexFunc(m.Packs, func(p PackRef) bool { return p.ID == pack })
		if i < 0 || m.Function != fn {
			return nil, fmt.Errorf("snapshot %s of %s does not refer to it", m.ID, m.Function)
		}
		for _, f := range m.packFrames(i) {
			if other, known := needed[f.N]; known && other != f {
				return nil, fmt.Errorf("%w: snapshot %s describes frame %d in another way than others", ErrCorrupt, m.ID, f.N)
			}
			needed[f.N] = f
		}
	}
	if len(needed) == 0 {
		return nil, fmt.Errorf("nobody needs it: %d snapshots", len(users))
	}
	return slices.SortedFunc(maps.Values(needed), func(a, b Frame) int { return cmp.Compare(a.N, b.N) }), nil
}

// moveFrames puts frames end to end.
func moveFrames(frames []Frame) (moved map[int]Frame, size int64) {
	moved = map[int]Frame{}
	for _, f := range frames {
		f.Offset = size
		moved[f.N] = f
		size += f.Bytes
	}
	return moved, size
}

// moved returns the manifest with another pack in the place of old. It shares
// nothing with m that changes.
func (m Manifest) moved(old, newID string, size int64, frames map[int]Frame) (Manifest, error) {
	i := slices.IndexFunc(m.Packs, func(p PackRef) bool { return p.ID == old })
	m.Packs = slices.Clone(m.Packs)
	p := &m.Packs[i]
	p.ID, p.Bytes, p.Frames = newID, size, movedFrames(p.Frames, frames)
	if i == 0 {
		m.Meta = movedFrames(m.Meta, frames)
	}
	if err := m.check(); err != nil {
		return m, fmt.Errorf("manifest of snapshot %s: %w", m.ID, err)
	}
	return m, nil
}

func movedFrames(frames []Frame, moved map[int]Frame) []Frame {
	out := make([]Frame, 0, len(frames))
	for _, f := range frames {
		out = append(out, moved[f.N])
	}
	return out
}

// copyFrames streams the frames of one object into another.
func copyFrames(ctx context.Context, pool Pool, from, to string, frames []Frame, size int64) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	r, w := io.Pipe()
	done := make(chan struct{})
	go func() {
		defer close(done)
		_ = w.CloseWithError(sendFrames(ctx, pool, from, frames, w))
	}()
	err := pool.Put(ctx, to, r, size)
	cancel()
	_ = r.CloseWithError(io.ErrClosedPipe) // the pool need not have read to the end
	<-done
	return err
}

func sendFrames(ctx context.Context, pool Pool, from string, frames []Frame, w io.Writer) error {
	for _, r := range rangesOf(frames) {
		err := readFrames(ctx, pool, from, r, func(_ Frame, stored []byte) error {
			_, err := w.Write(stored)
			return err
		})
		if err != nil {
			return err
		}
	}
	return nil
}
