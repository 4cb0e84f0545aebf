// Package storetest is the behaviour that every kvstore.Store must have, as
// one suite of tests that the backends and the HTTP client all run.
package storetest

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/pronghorn-faas/pronghorn/kvstore"
)

// Run checks a kind of store. open returns a new, empty store for each test
// and cleans up after it.
func Run(t *testing.T, open func(t *testing.T) kvstore.Store) {
	for name, test := range map[string]func(*testing.T, kvstore.Store){
		"a function that nobody wrote has the default state":      unwrittenFunction,
		"samples follow the paper's rule":                         samplesFollowTheRule,
		"the last slot takes the value of the one before it":      lastSlot,
		"a batch that is sent again changes nothing":              resentBatch,
		"of a partially seen batch only the new samples count":    partlySeenBatch,
		"lifetimes and functions do not share what they reported": separateLifetimes,
		"samples beyond the table are ignored":                    samplesBeyondTheTable,
		"latencies keep every bit":                                exactLatencies,
		"parameters are compared and set":                         paramsCompareAndSet,
		"a table keeps the slots that exist before and after":     resizedTable,
		"an entry is added once":                                  entryAddedOnce,
		"entries stay in order, with all their fields":            entriesInOrder,
		"a removed entry stays removed":                           removedEntry,
		"a purged entry is gone":                                  purgedEntry,
		"an entry fails once per lifetime":                        failedEntry,
		"an entry refers only to packs that are there":            referredPacks,
		"a tombstone can enter to keep a pack":                    tombstoneEnters,
		"a pack in use is not condemned":                          packsInUse,
		"what is reserved is not condemned until its time":        reservedPacks,
		"registering releases what was reserved":                  releasedPacks,
		"reservations are bounded":                                boundedReservations,
		"a manifest is compared and replaced":                     replacedManifest,
		"a stripped tombstone leaves its packs as they were":      strippedTombstone,
		"no entry refers to what others condemn meanwhile":        concurrentCondemners,
		"random changes of a pool agree with the model":           randomPoolChanges,
		"a deleted function is as if nobody wrote it":             deletedFunction,
		"functions are listed in order":                           listedFunctions,
		"a document is compared and set":                          documentCompareAndSet,
		"a document keeps its JSON":                               documentsKeepTheirJSON,
		"a deleted document starts again":                         deletedDocument,
		"invalid input is refused and changes nothing":            invalidInput,
		"concurrent reporters lose no sample":                     concurrentReporters,
		"of concurrent setters one wins":                          concurrentSetters,
		"concurrent changes of a pool all arrive":                 concurrentPoolChanges,
		"reads are consistent while samples arrive":               consistentReads,
		"random changes agree with the reference":                 randomChanges,
	} {
		t.Run(name, func(t *testing.T) { test(t, open(t)) })
	}
}

const fn = "resize"

// when is a time with a part below the microsecond.
func when() time.Time { return time.Date(2026, 7, 29, 10, 11, 12, 123456789, time.UTC) }

func must[T any](v T, err error) func(t *testing.T) T {
	return func(t *testing.T) T {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
}

func check(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func same(t *testing.T, what string, want, got any) {
	t.Helper()
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("%s (-want +got):\n%s", what, diff)
	}
}

// report adds a batch and checks what became of it.
func report(t *testing.T, s kvstore.Store, lifetime string, samples []kvstore.Sample, want kvstore.BatchResult) {
	t.Helper()
	got := must(s.AddSamples(t.Context(), fn, kvstore.Batch{Lifetime: lifetime, Samples: samples}))(t)
	same(t, "result of the batch", want, got)
}

func state(t *testing.T, s kvstore.Store) kvstore.State {
	t.Helper()
	return must(s.State(t.Context(), fn))(t)
}

// setW makes the table of fn w slots long.
func setW(t *testing.T, s kvstore.Store, w int) {
	t.Helper()
	check(t, s.SetParams(t.Context(), fn, state(t, s).Version, kvstore.Params{MaxRequests: w, Epsilon: 0.5}))
}

// pairs makes samples of request numbers and latencies in turn.
func pairs(values ...float64) []kvstore.Sample {
	out := make([]kvstore.Sample, len(values)/2)
	for i := range out {
		out[i] = kvstore.Sample{RequestNumber: int(values[2*i]), LatencyUS: values[2*i+1]}
	}
	return out
}
