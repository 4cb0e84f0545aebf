package snapshot_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"testing"

	"github.com/pronghorn-faas/pronghorn/snapshot"
)

// memoryPool is the objects of a server as a pool, as far as a test needs it.
type memoryPool struct {
	snapshot.Pool
	s *server
}

func (s *server) pool() snapshot.Pool { return memoryPool{s: s} }

func (p memoryPool) Put(_ context.Context, key string, r io.Reader, size int64) error {
	data, err := io.ReadAll(io.LimitReader(r, size))
	if err == nil && int64(len(data)) < size {
		err = io.ErrUnexpectedEOF
	}
	if err == nil {
		p.s.setObject("/"+key, data)
	}
	return err
}

func (p memoryPool) Get(_ context.Context, key string) (io.ReadCloser, int64, error) {
	data, known := p.s.object("/" + key)
	if !known {
		return nil, 0, snapshot.ErrNotExist
	}
	return io.NopCloser(bytes.NewReader(data)), int64(len(data)), nil
}

func (p memoryPool) GetRange(_ context.Context, key string, offset, length int64) (io.ReadCloser, error) {
	data, known := p.s.object("/" + key)
	if !known {
		return nil, snapshot.ErrNotExist
	}
	if offset+length > int64(len(data)) {
		return nil, io.ErrUnexpectedEOF
	}
	return io.NopCloser(bytes.NewReader(data[offset : offset+length])), nil
}

func (p memoryPool) Stat(_ context.Context, key string) (int64, error) {
	data, known := p.s.object("/" + key)
	if !known {
		return 0, snapshot.ErrNotExist
	}
	return int64(len(data)), nil
}

func TestVerifyingTakesNoKey(t *testing.T) {
	s := newServer(t)
	sha := storeWith(t, s, "s1", images(), keyring(t, "a1"), nil)
	for name, tc := range map[string]struct {
		keys *snapshot.Keyring
		want error
	}{
		"without the key":     {nil, nil},
		"with it":             {keyring(t, "a1"), nil},
		"with another key":    {keyring(t, "b1"), nil},
		"another key as that": {keyring(t, "a2"), nil},
	} {
		t.Run(name, func(t *testing.T) {
			if _, err := snapshot.VerifyData(t.Context(), s.pool(), fn, "s1", "", sha, tc.keys); !errors.Is(err, tc.want) {
				t.Errorf("error %v, want %v", err, tc.want)
			}
		})
	}
}

func TestVerifyingFindsWhatIsWrongWithAnyPack(t *testing.T) {
	s, m := child(t)
	_, sha := encode(t, m)
	verify := func(t *testing.T) (cheap, thorough error) {
		_, cheap = snapshot.Verify(t.Context(), s.pool(), fn, "s2", "manifest.json", sha)
		_, thorough = snapshot.VerifyData(t.Context(), s.pool(), fn, "s2", "manifest.json", sha, nil)
		return cheap, thorough
	}
	if cheap, thorough := verify(t); cheap != nil || thorough != nil {
		t.Fatal(cheap, thorough)
	}
	for _, id := range m.PackIDs() {
		good, _ := s.object(packPath(id))
		bad := bytes.Clone(good)
		bad[len(bad)/2] ^= 1
		s.setObject(packPath(id), bad)
		if cheap, thorough := verify(t); cheap != nil || !errors.Is(thorough, snapshot.ErrCorrupt) {
			t.Errorf("a flipped bit in pack %s: Verify %v, VerifyData %v", id, cheap, thorough)
		}
		s.setObject(packPath(id), good[:len(good)-1])
		if cheap, _ := verify(t); !errors.Is(cheap, snapshot.ErrCorrupt) {
			t.Errorf("a shorter pack %s: Verify %v", id, cheap)
		}
		s.mu.Lock()
		delete(s.objects, packPath(id))
		s.mu.Unlock()
		if cheap, _ := verify(t); !errors.Is(cheap, snapshot.ErrNotExist) {
			t.Errorf("no pack %s: Verify %v", id, cheap)
		}
		s.setObject(packPath(id), good)
	}
	for _, name := range []string{"../manifest.json", "image.pack", "manifest-0.json"} {
		if _, err := snapshot.Verify(t.Context(), s.pool(), fn, "s2", name, sha); err == nil || errors.Is(err, snapshot.ErrNotExist) {
			t.Errorf("manifest %q: %v, want it refused", name, err)
		}
	}
}
