package results

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// Prefixes of the directories in which results have a place of their own.
const (
	// runPrefix is that of repetitions: run-1, run-2, …
	runPrefix = "run-"
	// variantPrefix is that of runs under another condition: variant-2cpus.
	variantPrefix = "variant-"
)

// VariantMark stands between the name of a benchmark and that of the variant
// that it was run in, as in "simple-hash@2cpus".
const VariantMark = "@"

// Source is a set and what the directories that it stands in say about it.
type Source struct {
	Set
	// Run is the name of the repetition; "" if the set is in no such directory.
	Run string
	// Variant is the condition that the set was run under; "" is the usual one.
	Variant string
}

// SourceOf returns the source of the artifact's CSV at path. Its directory may
// be run-NAME, variant-NAME, or variant-NAME/run-NAME.
func SourceOf(path string) Source {
	s := Source{Set: SetOf(path)}
	dir, err := filepath.Abs(filepath.Dir(path))
	if err != nil {
		return s
	}
	if strings.HasPrefix(filepath.Base(dir), runPrefix) {
		s.Run = filepath.Base(dir)
		dir = filepath.Dir(dir)
	}
	if name, ok := strings.CutPrefix(filepath.Base(dir), variantPrefix); ok {
		s.Variant = name
	}
	return s
}

// Sources finds the results in a directory: the artifact's CSVs in it, and in
// the directories run-* and variant-* below it, in alphabetical order.
func Sources(dir string) ([]Source, error) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, fmt.Errorf("find results: %w", err)
	}
	var all []Source
	for _, e := range entries {
		path := filepath.Join(dir, e.Name())
		switch {
		case e.IsDir() && (strings.HasPrefix(e.Name(), runPrefix) || strings.HasPrefix(e.Name(), variantPrefix)):
			below, err := Sources(path)
			if err != nil {
				return nil, err
			}
			all = append(all, below...)
		case !e.IsDir() && isRows(e.Name()):
			all = append(all, SourceOf(path))
		}
	}
	return all, nil
}

// isRows tells the artifact's CSV from those beside it.
func isRows(name string) bool {
	return strings.HasSuffix(name, ".csv") &&
		!strings.HasSuffix(name, ".requests.csv") && !strings.HasSuffix(name, ".lifetimes.csv")
}

// Salvage returns what can be read of the source, with its run in every record
// and its variant in the name of every benchmark.
func (s Source) Salvage() (Data, Complaints, error) {
	data, complaints, err := s.Set.Salvage()
	data.mark(s.Run, s.Variant)
	setup, bad := s.readSetup()
	if bad != nil {
		complaints = append(complaints, bad)
	}
	if setup != nil {
		data.Setups = append(data.Setups, *setup)
	}
	return data, complaints, err
}

func (d Data) mark(run, variant string) {
	if variant != "" {
		variant = VariantMark + variant
	}
	for i := range d.Rows {
		d.Rows[i].Run = run
		d.Rows[i].Benchmark += variant
	}
	for i := range d.Requests {
		d.Requests[i].Run = run
		d.Requests[i].Benchmark += variant
	}
	for i := range d.Lifetimes {
		d.Lifetimes[i].Run = run
		d.Lifetimes[i].Benchmark += variant
	}
}
