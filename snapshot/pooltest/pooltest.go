// Package pooltest is the suite that every snapshot.Pool passes: the contract
// of the interface in examples.
package pooltest

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"io"
	"math/rand/v2"
	"testing"

	"github.com/pronghorn-faas/pronghorn/snapshot"
)

// Run runs the suite. open returns an empty pool; it is called once for every
// part of the suite.
func Run(t *testing.T, open func(t *testing.T) snapshot.Pool) {
	for name, part := range map[string]func(*testing.T, snapshot.Pool){
		"what is put can be got, listed and deleted": testLifecycle,
		"objects of every size come back":            testSizes,
		"a range of an object can be read":           testRange,
		"a missing object is ErrNotExist":            testMissing,
		"a put replaces":                             testReplace,
		"keys may be weird, but not wicked":          testKeys,
		"lists are by prefix and sorted":             testList,
		"a failed put leaves nothing":                testFailedPut,
		"a failed put keeps what was there":          testFailedReplace,
		"a cancelled context ends everything":        testCancelled,
		"many at once do not disturb each other":     testConcurrent,
		"readers see one version":                    testReadersSeeOneVersion,
		"presigned URLs read and write one object":   testPresigned,
		"snapshots survive the way by URLs":          testRoundTrip,
		"damage is found":                            testDamage,
		"an upload cut midway leaves no snapshot":    testCutUpload,
	} {
		t.Run(name, func(t *testing.T) { part(t, open(t)) })
	}
}

func put(t *testing.T, pool snapshot.Pool, key string, data []byte) {
	t.Helper()
	if err := pool.Put(t.Context(), key, bytes.NewReader(data), int64(len(data))); err != nil {
		t.Fatal(err)
	}
}

func get(t *testing.T, pool snapshot.Pool, key string) []byte {
	t.Helper()
	r, size, err := pool.Get(t.Context(), key)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	data, err := io.ReadAll(r)
	if err != nil {
		t.Fatalf("read %s: %v", key, err)
	}
	if int64(len(data)) != size {
		t.Errorf("Get(%q) announced %d bytes, %d came", key, size, len(data))
	}
	return data
}

func keys(t *testing.T, pool snapshot.Pool, prefix string) []string {
	t.Helper()
	objects, err := pool.List(t.Context(), prefix)
	if err != nil {
		t.Fatal(err)
	}
	names := []string{}
	for _, o := range objects {
		names = append(names, o.Key)
	}
	return names
}

// sameBytes compares without printing megabytes.
func sameBytes(t *testing.T, what string, got, want []byte) {
	t.Helper()
	if !bytes.Equal(got, want) {
		t.Errorf("%s: got %d bytes with sha256 %x, want %d with %x", what, len(got), sha256.Sum256(got), len(want), sha256.Sum256(want))
	}
}

// noise returns n bytes, the same every time: numbered copies of a page of
// random data, as the race detector makes megabytes of it take seconds.
func noise(n int) []byte {
	page := make([]byte, 4096)
	_, _ = rand.NewChaCha8([32]byte{byte(n)}).Read(page) // never fails
	data := bytes.Repeat(page, n/len(page)+1)
	for i := 0; i < len(data); i += len(page) {
		binary.LittleEndian.PutUint64(data[i:], uint64(i))
	}
	return data[:n]
}
