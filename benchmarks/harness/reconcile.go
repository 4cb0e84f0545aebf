package harness

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"

	"github.com/pronghorn-faas/pronghorn/benchmarks/results"
)

// reconcile makes the files of a set agree after a run that was killed between
// two of their lines, and returns what they hold. The requests decide: for
// each configuration those count that are numbered 0, 1, 2, … without a gap
// and, unless they failed, have a row in the artifact's file.
func reconcile(set results.Set) (results.Data, error) {
	data, err := set.Read()
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return results.Data{}, removeStray(set)
	case err != nil && !errors.Is(err, results.ErrTorn):
		return results.Data{}, err
	}
	kept := settle(data)
	return kept, errors.Join(
		rewrite(set.Rows, data.Rows, kept.Rows),
		rewrite(set.Requests, data.Requests, kept.Requests),
		rewrite(set.Lifetimes, data.Lifetimes, kept.Lifetimes),
	)
}

// removeStray removes files beside a CSV that is not there: a run that was
// killed before its first row.
func removeStray(set results.Set) error {
	for _, path := range []string{set.Requests, set.Lifetimes} {
		if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	return nil
}

// position is the place of a request in a run.
type position struct {
	Configuration
	number int
}

func settle(data results.Data) results.Data {
	answered := make(map[position]bool)
	for _, r := range data.Rows {
		answered[position{Configuration{r.Benchmark, r.Strategy, r.Rate}, r.RequestNumber}] = true
	}
	next := make(map[Configuration]int)
	var kept results.Data
	for _, r := range data.Requests {
		c := Configuration{r.Benchmark, r.Strategy, r.Rate}
		if r.RequestNumber == next[c] && (r.Failed() || answered[position{c, r.RequestNumber}]) {
			kept.Requests = append(kept.Requests, r)
			next[c]++
		}
	}
	seen := make(map[position]bool)
	for _, r := range data.Rows {
		at := position{Configuration{r.Benchmark, r.Strategy, r.Rate}, r.RequestNumber}
		if r.RequestNumber < next[at.Configuration] && !seen[at] {
			kept.Rows = append(kept.Rows, r)
			seen[at] = true
		}
	}
	kept.Lifetimes = firstOfEach(data.Lifetimes)
	return kept
}

func firstOfEach(lifetimes []results.LifetimeRow) []results.LifetimeRow {
	seen := make(map[string]bool)
	return slices.DeleteFunc(slices.Clone(lifetimes), func(r results.LifetimeRow) bool {
		again := seen[r.Lifetime]
		seen[r.Lifetime] = true
		return again
	})
}

// rewrite replaces the file at path if it holds more than is kept.
func rewrite[T results.Record[T]](path string, old, kept []T) error {
	if len(old) == len(kept) {
		return nil
	}
	temporary := path + ".new"
	if err := os.Remove(temporary); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	w, err := results.OpenAppend[T](temporary)
	if err != nil {
		return err
	}
	for _, r := range kept {
		err = cmp.Or(err, w.Append(r))
	}
	if err := cmp.Or(err, w.Close()); err != nil {
		return fmt.Errorf("put %s in order: %w", path, err)
	}
	return os.Rename(temporary, path)
}
