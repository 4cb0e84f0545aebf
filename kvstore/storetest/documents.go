package storetest

import (
	"errors"
	"testing"

	"github.com/pronghorn-faas/pronghorn/kvstore"
)

// write writes a document and checks the answer.
func write(t *testing.T, s kvstore.Store, expected int64, data string, wantCount int64, wantOK bool) {
	t.Helper()
	count, ok, err := s.WriteDocument(t.Context(), fn, expected, []byte(data))
	check(t, err)
	if count != wantCount || ok != wantOK {
		t.Errorf("writing with expected count %d: got (%d, %v), want (%d, %v)", expected, count, ok, wantCount, wantOK)
	}
}

func documentCompareAndSet(t *testing.T, s kvstore.Store) {
	if _, err := s.ReadDocument(t.Context(), fn); !errors.Is(err, kvstore.ErrNotFound) {
		t.Errorf("reading what nobody wrote: got %v, want ErrNotFound", err)
	}
	write(t, s, 1, `{"refused":1}`, 0, false)
	write(t, s, 0, `{"v":1}`, 1, true)
	write(t, s, 0, `{"refused":2}`, 1, false)
	write(t, s, 2, `{"refused":3}`, 1, false)
	same(t, "document", kvstore.Document{Data: []byte(`{"v":1}`), Count: 1}, must(s.ReadDocument(t.Context(), fn))(t))
	write(t, s, 1, `{"v":2}`, 2, true)
	write(t, s, -1, `{"v":3}`, 3, true)
	write(t, s, -7, `{"v":4}`, 4, true)
	same(t, "document", kvstore.Document{Data: []byte(`{"v":4}`), Count: 4}, must(s.ReadDocument(t.Context(), fn))(t))
	same(t, "functions", []string{}, must(s.Functions(t.Context()))(t))
}

func documentsKeepTheirJSON(t *testing.T, s kvstore.Store) {
	for sent, kept := range map[string]string{
		`null`:                              `null`,
		`""`:                                `""`,
		`0`:                                 `0`,
		` [1 , 2.50, 1e400, -0.0] `:         `[1,2.50,1e400,-0.0]`,
		`{"b": 1, "a": "<&> \u00e9 é\n"}`:   `{"b":1,"a":"<&> \u00e9 é\n"}`,
		`{"twice": 1, "twice": 2}`:          `{"twice":1,"twice":2}`,
		"\"line\u2028separator\"":           "\"line\u2028separator\"",
		`{"n": 12345678901234567890.12345}`: `{"n":12345678901234567890.12345}`,
	} {
		_, ok, err := s.WriteDocument(t.Context(), fn, -1, []byte(sent))
		if err != nil || !ok {
			t.Errorf("writing %s: got (%v, %v), want it to pass", sent, ok, err)
			continue
		}
		same(t, "document", kept, string(must(s.ReadDocument(t.Context(), fn))(t).Data))
	}
}

func deletedDocument(t *testing.T, s kvstore.Store) {
	same(t, "deleting what is not there", false, must(s.DeleteDocument(t.Context(), fn))(t))
	write(t, s, -1, `1`, 1, true)
	write(t, s, -1, `2`, 2, true)
	addEntry(t, s, entry("a"), true)
	check(t, s.DeleteFunction(t.Context(), fn))
	same(t, "deleting what outlived its function", true, must(s.DeleteDocument(t.Context(), fn))(t))
	write(t, s, 2, `3`, 0, false)
	write(t, s, 0, `3`, 1, true)
}
