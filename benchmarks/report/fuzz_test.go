package report

import (
	"bytes"
	"encoding/json"
	"io"
	"math/rand/v2"
	"os"
	"testing"

	"github.com/pronghorn-faas/pronghorn/benchmarks/results"
)

// Whatever stands in the files, a report is made of it, in all forms.
func FuzzReport(f *testing.F) {
	set := results.SetOf("../results/testdata/run.csv")
	var seeds [3][]byte
	for i, path := range []string{set.Rows, set.Requests, set.Lifetimes} {
		data, err := os.ReadFile(path)
		if err != nil {
			f.Fatal(err)
		}
		seeds[i] = data
	}
	f.Add(seeds[0], seeds[1], seeds[2])
	// The same as if all were of one strategy: with lineages and snapshots.
	for i, s := range seeds {
		s = bytes.ReplaceAll(s, []byte(Baseline), []byte("request_centric"))
		seeds[i] = bytes.ReplaceAll(s, []byte("&max_capacity=12,20"), []byte(",4"))
	}
	f.Add(seeds[0], seeds[1], seeds[2])
	f.Add([]byte("0,bfs,1,cold,1,5,,\n1,bfs,1,request_centric,1,9223372036854775807,0,0\n"+
		"0,bfs,1,fixed&request_to_checkpoint=1,1,0,0,0\n0,bfs,1,fixed&request_to_checkpoint=7,1,9,0,0\n"), seeds[1], []byte{})
	f.Fuzz(func(t *testing.T, rows, requests, lifetimes []byte) {
		data, problems := salvageAll(rows, requests, lifetimes)
		e := Evaluate(data, rand.NewPCG(1, 0), problems)
		for _, format := range []Format{Text, Markdown, JSON} {
			if err := e.Report.Write(io.Discard, format); err != nil {
				t.Errorf("%s: %v", format, err)
			}
		}
		if _, err := json.Marshal(e.Document()); err != nil {
			t.Error(err)
		}
		for name, table := range e.siteTables() {
			if _, err := table.csv(); err != nil {
				t.Errorf("%s: %v", name, err)
			}
		}
		figures, err := e.siteFigures()
		if err != nil {
			t.Error(err)
		}
		files := make(map[string][]byte)
		for name, g := range figures {
			files[name+".svg"] = nil
			if err := g.write(io.Discard, SVG); err != nil {
				t.Errorf("%s: %v", name, err)
			}
		}
		if _, err := e.page(files); err != nil {
			t.Error(err)
		}
	})
}

func salvageAll(rows, requests, lifetimes []byte) (results.Data, []string) {
	var data results.Data
	var all [3]results.Complaints
	data.Rows, all[0] = results.Salvage[results.Row](rows, "x.csv")
	data.Requests, all[1] = results.Salvage[results.RequestRow](requests, "x.requests.csv")
	data.Lifetimes, all[2] = results.Salvage[results.LifetimeRow](lifetimes, "x.lifetimes.csv")
	var problems []string
	for _, complaints := range all {
		for _, c := range complaints {
			problems = append(problems, c.Error())
		}
	}
	return data, problems
}
