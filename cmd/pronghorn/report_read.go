package main

import (
	"fmt"
	"slices"

	"github.com/pronghorn-faas/pronghorn/benchmarks/results"
)

// gathering is the results of one or more files.
type gathering struct {
	data     results.Data
	problems []string
	// origins are the files that the configurations come from.
	origins map[results.Configuration]string
	// rows count the rows of each.
	rows map[results.Configuration]int
}

// gatherResults reads files, and all results in directories. It says what was
// left out, and fails when a file that was named has nothing to read, or a
// directory.
func gatherResults(paths []string) (results.Data, []string, error) {
	g := gathering{origins: make(map[results.Configuration]string), rows: make(map[results.Configuration]int)}
	for _, path := range paths {
		add := g.addFile
		if isDirectory(path) {
			add = g.addDirectory
		}
		if err := add(path); err != nil {
			return results.Data{}, g.problems, err
		}
	}
	return g.data, g.problems, nil
}

func (g *gathering) addFile(path string) error {
	data, complaints, err := results.SourceOf(path).Salvage()
	if err != nil {
		return err
	}
	g.complain(complaints)
	if len(data.Rows)+len(data.Requests) == 0 {
		if len(complaints) > 0 {
			return fmt.Errorf("%s: no rows that can be read", path)
		}
		return fmt.Errorf("%s: no rows", path)
	}
	own := data.Configurations()
	for c := range own {
		if other, taken := g.origins[c]; taken {
			return fmt.Errorf("%s and %s both hold %s: report on them one by one", other, path, c)
		}
	}
	g.add(path, data, own)
	return nil
}

func (g *gathering) complain(complaints results.Complaints) {
	for _, c := range complaints {
		g.problems = append(g.problems, c.Error())
	}
}

// add adds data that has no configuration in common with what is there.
func (g *gathering) add(path string, data results.Data, own map[results.Configuration]int) {
	for c, n := range own {
		g.origins[c], g.rows[c] = path, n
	}
	g.data.Add(data)
}

func (g *gathering) addDirectory(dir string) error {
	sources, err := results.Sources(dir)
	if err != nil {
		return err
	}
	before := len(g.origins)
	for _, s := range g.withoutSingle(sources) {
		data, complaints, err := s.Salvage()
		if err != nil {
			complaints = results.Complaints{err}
		} else if len(data.Rows)+len(data.Requests) == 0 && len(complaints) == 0 {
			complaints = results.Complaints{fmt.Errorf("%s: no rows", s.Rows)}
		}
		g.complain(complaints)
		g.merge(s.Rows, data)
	}
	if len(g.origins) == before {
		return fmt.Errorf("%s: no results: want files such as python-evaluation.csv, in it or in run-1, run-2, … below it", dir)
	}
	return nil
}

// withoutSingle leaves out files that belong to no repetition where there are
// repetitions: short tests, which would count as one more of them.
func (g *gathering) withoutSingle(sources []results.Source) []results.Source {
	repeated := make(map[string]bool) // by variant
	for _, s := range sources {
		repeated[s.Variant] = repeated[s.Variant] || s.Run != ""
	}
	return slices.DeleteFunc(sources, func(s results.Source) bool {
		single := s.Run == "" && repeated[s.Variant]
		if single {
			g.problems = append(g.problems, fmt.Sprintf("%s: left out, since there are repetitions (run-1, …) beside it", s.Rows))
		}
		return single
	})
}

// merge adds data. Of configurations that another file holds too, a short test
// and the whole evaluation for instance, the one with more rows is taken.
func (g *gathering) merge(path string, data results.Data) {
	own := data.Configurations()
	old, now := make(map[results.Configuration]bool), make(map[results.Configuration]bool)
	lost := make(map[string]string) // by the file that is taken
	for c, n := range own {
		other, taken := g.origins[c]
		switch {
		case taken && g.rows[c] >= n:
			now[c] = true
			lost[other] = path
			delete(own, c)
		case taken:
			old[c] = true
			lost[path] = other
		}
	}
	for taken, left := range lost {
		g.problems = append(g.problems, fmt.Sprintf("%s: left out what %s has more of", left, taken))
	}
	g.data = g.data.Without(old)
	g.add(path, data.Without(now), own)
}
