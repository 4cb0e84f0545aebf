package pooltest

import (
	"bytes"
	"context"
	"errors"
	"io"
	"strings"
	"sync"
	"testing"
	"testing/iotest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/pronghorn-faas/pronghorn/snapshot"
)

const mebi = 1 << 20

func testLifecycle(t *testing.T, pool snapshot.Pool) {
	ctx, key, data := t.Context(), "fn/s1/image.pack", []byte("data")
	put(t, pool, key, data)
	sameBytes(t, key, get(t, pool, key), data)
	if size, err := pool.Stat(ctx, key); err != nil || size != int64(len(data)) {
		t.Errorf("Stat = %d, %v", size, err)
	}
	objects, err := pool.List(ctx, "fn/")
	if err != nil || len(objects) != 1 || objects[0].Key != key || objects[0].Bytes != int64(len(data)) {
		t.Fatalf("List = %v, %v", objects, err)
	}
	if age := time.Since(objects[0].Modified); age < -time.Minute || age > time.Minute {
		t.Errorf("modified %v ago, want just now", age)
	}
	if err := pool.Delete(ctx, key); err != nil {
		t.Fatal(err)
	}
	if _, err := pool.Stat(ctx, key); !errors.Is(err, snapshot.ErrNotExist) {
		t.Errorf("Stat after Delete: %v", err)
	}
	if left := keys(t, pool, ""); len(left) > 0 {
		t.Errorf("left after Delete: %q", left)
	}
}

func testSizes(t *testing.T, pool snapshot.Pool) {
	for name, size := range map[string]int{
		"empty":         0,
		"one byte":      1,
		"over 5 MiB":    5*mebi + 1,
		"like an image": 70 * mebi,
	} {
		t.Run(name, func(t *testing.T) {
			data := noise(size)
			put(t, pool, "fn/sized", data)
			sameBytes(t, "object", get(t, pool, "fn/sized"), data)
		})
	}
	t.Run("no more of the reader than asked for", func(t *testing.T) {
		if err := pool.Put(t.Context(), "fn/first", iotest.OneByteReader(strings.NewReader("12345")), 3); err != nil {
			t.Fatal(err)
		}
		sameBytes(t, "object", get(t, pool, "fn/first"), []byte("123"))
	})
	t.Run("a negative size is refused", func(t *testing.T) {
		if err := pool.Put(t.Context(), "fn/negative", strings.NewReader("x"), -1); err == nil {
			t.Error("no error")
		}
	})
}

func testMissing(t *testing.T, pool snapshot.Pool) {
	put(t, pool, "fn/s1/image.pack", []byte("data"))
	for name, key := range map[string]string{
		"never written":                "fn/s1/manifest.json",
		"no such function":             "other/s1/manifest.json",
		"what is the prefix of others": "fn/s1",
		"what continues an object":     "fn/s1/image.pack/more",
	} {
		t.Run(name, func(t *testing.T) {
			if _, _, err := pool.Get(t.Context(), key); !errors.Is(err, snapshot.ErrNotExist) {
				t.Errorf("Get: %v", err)
			}
			if _, err := pool.GetRange(t.Context(), key, 0, 1); !errors.Is(err, snapshot.ErrNotExist) {
				t.Errorf("GetRange: %v", err)
			}
			if _, err := pool.Stat(t.Context(), key); !errors.Is(err, snapshot.ErrNotExist) {
				t.Errorf("Stat: %v", err)
			}
			if err := pool.Delete(t.Context(), key); err != nil {
				t.Errorf("Delete: %v", err)
			}
		})
	}
	sameBytes(t, "the other object", get(t, pool, "fn/s1/image.pack"), []byte("data"))
}

func testReplace(t *testing.T, pool snapshot.Pool) {
	for _, data := range []string{"the first, which is longer", "second", ""} {
		put(t, pool, "fn/key", []byte(data))
		sameBytes(t, "object", get(t, pool, "fn/key"), []byte(data))
	}
}

func testKeys(t *testing.T, pool snapshot.Pool) {
	for name, key := range map[string]string{
		"no slash":   "flat",
		"deep":       "a/b/c/d/e/f/g",
		"space":      "fn/a b",
		"plus":       "fn/a+b",
		"percent":    "fn/100%41",
		"query":      "fn/a?b=c&d#e",
		"unicode":    "fn/日本語-ü",
		"dots":       "fn/a..b.",
		"star":       "fn/*",
		"quotes":     `fn/"it's"`,
		"long parts": strings.Repeat("k", 200) + "/" + strings.Repeat("l", 200),
	} {
		t.Run(name, func(t *testing.T) {
			put(t, pool, key, []byte(key))
			sameBytes(t, key, get(t, pool, key), []byte(key))
			if diff := cmp.Diff([]string{key}, keys(t, pool, key)); diff != "" {
				t.Errorf("List (-want +got):\n%s", diff)
			}
		})
	}
	for name, key := range map[string]string{
		"empty":          "",
		"absolute":       "/etc/passwd",
		"up":             "../x",
		"up in between":  "fn/../../x",
		"here":           "./x",
		"hidden":         "fn/.x",
		"empty part":     "fn//x",
		"trailing slash": "fn/",
		"control":        "fn/a\nb",
		"NUL":            "fn/a\x00b",
		"backslash":      `fn\x`,
		"not UTF-8":      "fn/\xff",
		"too long":       strings.Repeat("abc/", 300) + "x",
		"part too long":  strings.Repeat("k", 256),
	} {
		t.Run("wicked: "+name, func(t *testing.T) { refused(t, pool, key) })
	}
}

func refused(t *testing.T, pool snapshot.Pool, key string) {
	t.Helper()
	if err := pool.Put(t.Context(), key, strings.NewReader("x"), 1); err == nil {
		t.Errorf("Put(%q): no error", key)
	}
	if r, _, err := pool.Get(t.Context(), key); err == nil || errors.Is(err, snapshot.ErrNotExist) {
		t.Errorf("Get(%q) = %v, %v: want it refused", key, r, err)
	}
	if _, err := pool.GetRange(t.Context(), key, 0, 1); err == nil || errors.Is(err, snapshot.ErrNotExist) {
		t.Errorf("GetRange(%q): %v: want it refused", key, err)
	}
	if _, err := pool.Stat(t.Context(), key); err == nil || errors.Is(err, snapshot.ErrNotExist) {
		t.Errorf("Stat(%q): %v: want it refused", key, err)
	}
	if err := pool.Delete(t.Context(), key); err == nil {
		t.Errorf("Delete(%q): no error", key)
	}
}

func testList(t *testing.T, pool snapshot.Pool) {
	for _, key := range []string{"fn/s1/b", "fn/s1/a", "fn-2/s1/a", "fn/s10/a", "fn/s2/a", "fn/s2-x", "zz"} {
		put(t, pool, key, []byte("x"))
	}
	for name, tc := range map[string]struct {
		prefix string
		want   []string
	}{
		"everything":     {"", []string{"fn-2/s1/a", "fn/s1/a", "fn/s1/b", "fn/s10/a", "fn/s2-x", "fn/s2/a", "zz"}},
		"a function":     {"fn/", []string{"fn/s1/a", "fn/s1/b", "fn/s10/a", "fn/s2-x", "fn/s2/a"}},
		"a snapshot":     {"fn/s1/", []string{"fn/s1/a", "fn/s1/b"}},
		"part of a name": {"fn/s1", []string{"fn/s1/a", "fn/s1/b", "fn/s10/a"}},
		"one object":     {"zz", []string{"zz"}},
		"nothing":        {"other/", []string{}},
		"not even there": {"fn/s1/a/", []string{}},
	} {
		t.Run(name, func(t *testing.T) {
			if diff := cmp.Diff(tc.want, keys(t, pool, tc.prefix)); diff != "" {
				t.Errorf("List(%q) (-want +got):\n%s", tc.prefix, diff)
			}
		})
	}
	t.Run("a wicked prefix is refused", func(t *testing.T) {
		if objects, err := pool.List(t.Context(), "../"); err == nil {
			t.Errorf("List = %v, want an error", objects)
		}
	})
}

var errBroken = errors.New("the source broke")

func testFailedPut(t *testing.T, pool snapshot.Pool) {
	for name, r := range map[string]io.Reader{
		"a short reader":           bytes.NewReader(noise(mebi)),
		"a short stream":           io.LimitReader(bytes.NewReader(noise(mebi)), mebi),
		"an empty reader":          strings.NewReader(""),
		"a reader that fails":      io.MultiReader(bytes.NewReader(noise(mebi)), iotest.ErrReader(errBroken)),
		"a reader that fails last": io.MultiReader(bytes.NewReader(noise(mebi)), bytes.NewReader(noise(mebi-1)), iotest.ErrReader(errBroken)),
	} {
		t.Run(name, func(t *testing.T) {
			if err := pool.Put(t.Context(), "fn/failed", r, 2*mebi); err == nil {
				t.Error("no error")
			}
			if left := keys(t, pool, ""); len(left) > 0 {
				t.Errorf("left: %q", left)
			}
		})
	}
}

func testFailedReplace(t *testing.T, pool snapshot.Pool) {
	put(t, pool, "fn/key", []byte("good"))
	broken := io.MultiReader(bytes.NewReader(noise(mebi)), iotest.ErrReader(errBroken))
	if err := pool.Put(t.Context(), "fn/key", broken, 2*mebi); err == nil {
		t.Error("no error")
	}
	sameBytes(t, "object", get(t, pool, "fn/key"), []byte("good"))
}

func testCancelled(t *testing.T, pool snapshot.Pool) {
	put(t, pool, "fn/key", noise(mebi))
	ctx, cancel := context.WithCancel(t.Context())
	t.Run("in the middle of a put", func(t *testing.T) {
		if err := pool.Put(ctx, "fn/cancelled", cutShort(cancel), 2*mebi); !errors.Is(err, context.Canceled) {
			t.Errorf("Put: %v, want context.Canceled", err)
		}
		if diff := cmp.Diff([]string{"fn/key"}, keys(t, pool, "")); diff != "" {
			t.Errorf("left (-want +got):\n%s", diff)
		}
	})
	for name, call := range map[string]func() error{
		"put":    func() error { return pool.Put(ctx, "fn/x", strings.NewReader("x"), 1) },
		"stat":   func() error { _, err := pool.Stat(ctx, "fn/key"); return err },
		"get":    func() error { _, _, err := pool.Get(ctx, "fn/key"); return err },
		"range":  func() error { _, err := pool.GetRange(ctx, "fn/key", 0, 1); return err },
		"list":   func() error { _, err := pool.List(ctx, ""); return err },
		"delete": func() error { return pool.Delete(ctx, "fn/key") },
	} {
		t.Run("before a "+name, func(t *testing.T) {
			if err := call(); !errors.Is(err, context.Canceled) {
				t.Errorf("%v, want context.Canceled", err)
			}
		})
	}
}

// cutShort returns 2 MiB; half-way it cancels a context, and the rest comes too
// slowly to arrive before that is noticed.
func cutShort(cancel context.CancelFunc) io.Reader {
	return io.MultiReader(bytes.NewReader(noise(mebi)), cancelling{cancel}, dripping{bytes.NewReader(noise(mebi))})
}

// cancelling is an empty reader that cancels a context.
type cancelling struct{ cancel context.CancelFunc }

func (c cancelling) Read([]byte) (int, error) { c.cancel(); return 0, io.EOF }

// dripping is a slow reader.
type dripping struct{ r io.Reader }

func (d dripping) Read(p []byte) (int, error) {
	time.Sleep(10 * time.Millisecond)
	return d.r.Read(p[:min(len(p), 16<<10)])
}

func testConcurrent(t *testing.T, pool snapshot.Pool) {
	var workers sync.WaitGroup
	for w := range 8 {
		workers.Go(func() {
			key := "fn/" + string(rune('a'+w)) + "/image.pack"
			for i := range 5 { // a delete may remove a directory that a put needs
				data := noise(1000*w + i)
				put(t, pool, key, data)
				sameBytes(t, key, get(t, pool, key), data)
				if err := pool.Delete(t.Context(), key); err != nil {
					t.Error(err)
				}
			}
		})
	}
	workers.Wait()
	if left := keys(t, pool, ""); len(left) > 0 {
		t.Errorf("left: %q", left)
	}
}

// testReadersSeeOneVersion writes two versions over each other: every reader
// gets one of them whole.
func testReadersSeeOneVersion(t *testing.T, pool snapshot.Pool) {
	versions := [][]byte{bytes.Repeat([]byte("a"), mebi), bytes.Repeat([]byte("b"), mebi+1)}
	put(t, pool, "fn/key", versions[0])
	var writer sync.WaitGroup
	writer.Go(func() {
		for i := range 10 {
			data := versions[(i+1)%2]
			if err := pool.Put(t.Context(), "fn/key", bytes.NewReader(data), int64(len(data))); err != nil {
				t.Error(err)
			}
		}
	})
	for range 20 {
		got := get(t, pool, "fn/key")
		if !bytes.Equal(got, versions[0]) && !bytes.Equal(got, versions[1]) {
			t.Errorf("read %d bytes that are neither version", len(got))
		}
	}
	writer.Wait()
}
