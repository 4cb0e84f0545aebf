package pooltest

import (
	"bytes"
	"context"
	"errors"
	"io"
	"math"
	"testing"

	"github.com/pronghorn-faas/pronghorn/snapshot"
)

func testRange(t *testing.T, pool snapshot.Pool) {
	data := noise(3*mebi + 7)
	put(t, pool, "fn/key", data)
	size := int64(len(data))
	for name, r := range map[string]struct{ offset, length int64 }{
		"all of it":      {0, size},
		"the first byte": {0, 1},
		"the last byte":  {size - 1, 1},
		"in the middle":  {12345, 2 * mebi},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := readRange(t.Context(), pool, "fn/key", r.offset, r.length)
			if err != nil {
				t.Fatal(err)
			}
			sameBytes(t, "range", got, data[r.offset:r.offset+r.length])
		})
	}
	for name, r := range map[string]struct{ offset, length int64 }{
		"beyond the end":   {size - 1, 2},
		"behind the end":   {size, 1},
		"far away":         {1 << 50, 1 << 50},
		"an overflow":      {math.MaxInt64, math.MaxInt64},
		"nothing":          {1, 0},
		"less":             {1, -1},
		"before the start": {-1, 2},
	} {
		t.Run(name+" is refused", func(t *testing.T) {
			got, err := readRange(t.Context(), pool, "fn/key", r.offset, r.length)
			if err == nil || errors.Is(err, snapshot.ErrNotExist) {
				t.Errorf("read %d bytes, %v: want an error", len(got), err)
			}
		})
	}
	t.Run("a missing object", func(t *testing.T) {
		if _, err := readRange(t.Context(), pool, "fn/other", 0, 1); !errors.Is(err, snapshot.ErrNotExist) {
			t.Errorf("%v, want ErrNotExist", err)
		}
	})
	t.Run("while it is replaced", func(t *testing.T) { rangeWhileReplaced(t, pool, data) })
}

// rangeWhileReplaced wants one version or an error, never a mixture.
func rangeWhileReplaced(t *testing.T, pool snapshot.Pool, data []byte) {
	r, err := pool.GetRange(t.Context(), "fn/key", 0, int64(len(data)))
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	put(t, pool, "fn/key", bytes.Repeat([]byte("other"), mebi))
	got, err := io.ReadAll(r)
	if err == nil {
		sameBytes(t, "range", got, data)
	}
}

func readRange(ctx context.Context, pool snapshot.Pool, key string, offset, length int64) ([]byte, error) {
	r, err := pool.GetRange(ctx, key, offset, length)
	if err != nil {
		return nil, err
	}
	defer r.Close()
	return io.ReadAll(r)
}
