package storetest

import (
	"bytes"
	"context"
	"errors"
	"math"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/pronghorn-faas/pronghorn/kvstore"
)

func invalidInput(t *testing.T, s kvstore.Store) {
	for name, call := range invalidCalls(s) {
		err := call(t.Context())
		if !errors.Is(err, kvstore.ErrInvalid) {
			t.Errorf("%s: got %v, want ErrInvalid", name, err)
		}
	}
	same(t, "functions", []string{}, must(s.Functions(t.Context()))(t))
}

type call = func(context.Context) error

func invalidCalls(s kvstore.Store) map[string]call {
	calls := map[string]call{
		"removal without a time": func(ctx context.Context) error {
			_, err := s.RemoveEntries(ctx, fn, []string{"a"}, time.Time{})
			return err
		},
		"failure of a bad lifetime": func(ctx context.Context) error {
			_, err := s.FailEntry(ctx, fn, "a", "")
			return err
		},
	}
	for _, part := range []map[string]call{
		badNames(s), badParams(s), badBatches(s), badEntries(s), badReservations(s), badDocuments(s),
	} {
		for name, c := range part {
			calls[name] = c
		}
	}
	return calls
}

func badNames(s kvstore.Store) map[string]call {
	calls := map[string]call{}
	for _, name := range []string{"", ".", "..", "a/b", "a b", "a:b", "a?b", "a%2f", "é", "a\x00", strings.Repeat("x", 129)} {
		calls["state of function "+name] = func(ctx context.Context) error { _, err := s.State(ctx, name); return err }
		calls["deletion of function "+name] = func(ctx context.Context) error { return s.DeleteFunction(ctx, name) }
		calls["purge of entry "+name] = func(ctx context.Context) error { return s.PurgeEntry(ctx, fn, name) }
		calls["condemnation of entry "+name] = func(ctx context.Context) error { return s.CondemnEntry(ctx, fn, name, when()) }
		calls["failure of entry "+name] = func(ctx context.Context) error {
			_, err := s.FailEntry(ctx, fn, name, "a")
			return err
		}
		calls["read of document "+name] = func(ctx context.Context) error { _, err := s.ReadDocument(ctx, name); return err }
		calls["deletion of document "+name] = func(ctx context.Context) error { _, err := s.DeleteDocument(ctx, name); return err }
	}
	return calls
}

func badParams(s kvstore.Store) map[string]call {
	calls := map[string]call{}
	for name, p := range map[string]kvstore.Params{
		"one slot":           {MaxRequests: 1, Epsilon: 0.5},
		"too many slots":     {MaxRequests: kvstore.MaxRequestsLimit + 1, Epsilon: 0.5},
		"epsilon 0":          {MaxRequests: 10},
		"epsilon above 1":    {MaxRequests: 10, Epsilon: 1.01},
		"epsilon not finite": {MaxRequests: 10, Epsilon: math.NaN()},
	} {
		calls["parameters: "+name] = func(ctx context.Context) error { return s.SetParams(ctx, fn, 0, p) }
	}
	return calls
}

func badBatches(s kvstore.Store) map[string]call {
	calls := map[string]call{}
	for name, b := range map[string]kvstore.Batch{
		"no lifetime":      {Samples: pairs(1, 1)},
		"request 0":        {Lifetime: "a", Samples: pairs(1, 1, 0, 1)},
		"request 2^31":     {Lifetime: "a", Samples: pairs(math.MaxInt32+1, 1)},
		"latency 0":        {Lifetime: "a", Samples: pairs(1, 1, 2, 0)},
		"negative latency": {Lifetime: "a", Samples: pairs(1, -1)},
		"infinite latency": {Lifetime: "a", Samples: pairs(1, math.Inf(1))},
		"no number":        {Lifetime: "a", Samples: pairs(1, math.NaN())},
		"too many samples": {Lifetime: "a", Samples: make([]kvstore.Sample, kvstore.MaxBatch+1)},
	} {
		calls["batch: "+name] = func(ctx context.Context) error { _, err := s.AddSamples(ctx, fn, b); return err }
	}
	return calls
}

func badEntries(s kvstore.Store) map[string]call {
	calls := map[string]call{}
	for name, e := range map[string]kvstore.Entry{
		"no id":             {},
		"id with a slash":   {ID: "a/b"},
		"negative request":  {ID: "a", RequestNumber: -1},
		"negative size":     {ID: "a", Bytes: -1},
		"negative storage":  {ID: "a", StoredBytes: -1},
		"negative sharing":  {ID: "a", SharedBytes: -1},
		"a bad parent":      {ID: "a", Parent: "a/b"},
		"a bad manifest":    {ID: "a", Manifest: "../manifest.json"},
		"a bad pack":        {ID: "a", Packs: []string{"a", ""}},
		"without its own":   {ID: "a", Packs: []string{"b"}},
		"too many packs":    {ID: "a", Packs: slices.Repeat([]string{"a"}, kvstore.MaxPacks+1)},
		"a bad key":         {ID: "a", KeyIDs: []string{"k k"}},
		"in the far future": {ID: "a", Created: farFuture()},
		"deleted far away":  {ID: "a", Deleted: farFuture()},
	} {
		calls["entry: "+name] = func(ctx context.Context) error { _, err := s.AddEntry(ctx, fn, e); return err }
		calls["replacement: "+name] = func(ctx context.Context) error { return s.ReplaceEntry(ctx, fn, "", e, when()) }
	}
	return calls
}

func farFuture() time.Time { return time.Date(10000, 1, 1, 0, 0, 0, 0, time.UTC) }

func badReservations(s kvstore.Store) map[string]call {
	calls := map[string]call{
		"replacement without a time":  func(ctx context.Context) error { return s.ReplaceEntry(ctx, fn, "", entry("a"), time.Time{}) },
		"condemnation without a time": func(ctx context.Context) error { return s.CondemnEntry(ctx, fn, "a", time.Time{}) },
		"reservation without a time": func(ctx context.Context) error {
			_, err := s.Reserve(ctx, fn, pending("a", "b"), time.Time{})
			return err
		},
	}
	for name, p := range map[string]kvstore.Pending{
		"no id":          {Until: when()},
		"no end":         {ID: "a"},
		"a bad pack":     {ID: "a", Until: when(), Packs: []string{"b/c"}},
		"too many packs": {ID: "a", Until: when(), Packs: slices.Repeat([]string{"b"}, kvstore.MaxPacks+1)},
	} {
		calls["reservation: "+name] = func(ctx context.Context) error { _, err := s.Reserve(ctx, fn, p, when()); return err }
	}
	return calls
}

func badDocuments(s kvstore.Store) map[string]call {
	calls := map[string]call{}
	for name, data := range map[string][]byte{
		"empty":      nil,
		"not JSON":   []byte(`{"a":`),
		"two values": []byte(`1 2`),
		"NaN":        []byte(`NaN`),
		"too large":  append(append([]byte{'"'}, bytes.Repeat([]byte{'x'}, kvstore.MaxDocumentBytes)...), '"'),
	} {
		calls["document: "+name] = func(ctx context.Context) error {
			_, _, err := s.WriteDocument(ctx, fn, -1, data)
			return err
		}
	}
	return calls
}
