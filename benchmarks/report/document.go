package report

import (
	"encoding/json"
	"fmt"
	"io"
	"strconv"
)

// Document is summary.json: every number of an evaluation's tables. Maps are by
// function, in which "@" sets off a variant, and by rate. docs/results.md
// describes it.
type Document struct {
	Baseline string `json:"baseline"`
	Policy   string `json:"policy"`

	Improvement              GainMap `json:"improvement"`
	ImprovementBySize        GainMap `json:"improvement_by_size"`
	ImprovementWithStart     GainMap `json:"improvement_with_start"`
	ImprovementWithStartMean GainMap `json:"improvement_with_start_mean"`
	ImprovementWithoutGC     GainMap `json:"improvement_without_gc"`

	GeomeanImproved map[string]float64 `json:"geomean_improved"`
	GeomeanAll      map[string]float64 `json:"geomean_all"`
	MeanAll         map[string]float64 `json:"mean_all"`
	Improved        map[string]int     `json:"improved"`
	Unchanged       map[string]int     `json:"unchanged"`
	Worse           map[string]int     `json:"worse"`

	Table4     map[string]SnapshotCost       `json:"table_4"`
	Table5     map[string]map[string]Traffic `json:"table_5"`
	FixedSweep map[string]map[string]Sweep   `json:"fixed_sweep"`
	Picks      map[string]map[string]Picks   `json:"picks"`

	Setups         []SetupDocument `json:"setups"`
	Extents        []Extent        `json:"extents"`
	Aggregates     []Aggregate     `json:"aggregates"`
	Configurations []Summary       `json:"configurations"`
	Paper          PaperDocument   `json:"paper"`
	Problems       []string        `json:"problems"`
}

// GainMap is changes by function and rate.
type GainMap map[string]map[string]Gain

// Gain is a change of the policy against the baseline in percent, positive
// for faster, with its 95 % interval.
type Gain struct {
	MedianPct float64 `json:"median_pct"`
	Low       float64 `json:"low"`
	High      float64 `json:"high"`
	// N counts the policy's answered requests, and Runs the runs they are of.
	N    int `json:"n"`
	Runs int `json:"runs"`
}

// PaperDocument is what the paper and its artifact say.
type PaperDocument struct {
	Functions       map[string]Paper   `json:"functions"`
	GeomeanImproved map[string]float64 `json:"geomean_improved"`
}

// Document returns the numbers of the evaluation.
func (e Evaluation) Document() Document {
	d := Document{
		Baseline: e.Baseline, Policy: e.Policy,
		Improvement:              e.figures(func(s Summary) *Change { return s.Change }),
		ImprovementBySize:        e.figures(func(s Summary) *Change { return s.Normalised.change() }),
		ImprovementWithoutGC:     e.figures(func(s Summary) *Change { return s.WithoutGC.change() }),
		ImprovementWithStart:     e.figures(func(s Summary) *Change { return s.WithStart.change() }),
		ImprovementWithStartMean: e.figures(func(s Summary) *Change { return s.WithStart.meanChange() }),
		Table4:                   make(map[string]SnapshotCost),
		Table5:                   make(map[string]map[string]Traffic),
		FixedSweep:               make(map[string]map[string]Sweep),
		Picks:                    make(map[string]map[string]Picks),
		Aggregates:               emptyIfNil(e.Aggregates), Configurations: emptyIfNil(e.Summaries), Problems: emptyIfNil(e.Problems),
		Paper: paperDocument(), Setups: setupDocuments(e.Setups), Extents: emptyIfNil(e.Extents),
	}
	d.addAggregates(e.Aggregates, e.Policy)
	for _, c := range e.Costs {
		d.Table4[c.Benchmark] = c
	}
	for _, t := range e.Traffic {
		put(d.Table5, t.Benchmark, t.Rate, t)
	}
	for _, s := range e.Sweeps {
		put(d.FixedSweep, s.Benchmark, s.Rate, s)
	}
	for _, p := range e.Picks {
		put(d.Picks, p.Benchmark, p.Rate, p)
	}
	return d
}

// addAggregates adds those of the policy under the usual conditions.
func (d *Document) addAggregates(all []Aggregate, policy string) {
	d.GeomeanImproved, d.GeomeanAll, d.MeanAll = make(map[string]float64), make(map[string]float64), make(map[string]float64)
	d.Improved, d.Unchanged, d.Worse = make(map[string]int), make(map[string]int), make(map[string]int)
	for _, a := range all {
		if a.Variant != "" || a.Strategy != policy || a.Client == nil {
			continue
		}
		rate := strconv.Itoa(a.Rate)
		if a.Client.GeomeanImproved != nil {
			d.GeomeanImproved[rate] = a.Client.GeomeanImproved.Percent
		}
		d.GeomeanAll[rate], d.MeanAll[rate] = a.Client.Geomean.Percent, a.Client.Mean.Percent
		d.Improved[rate], d.Unchanged[rate], d.Worse[rate] = a.Client.Better, a.Client.Same, a.Client.Worse
	}
}

func (e Evaluation) figures(change func(Summary) *Change) GainMap {
	all := make(GainMap)
	for _, i := range e.Improvements {
		if c := change(i.Summary); c != nil {
			put(all, i.Benchmark, i.Rate, Gain{c.Percent, c.Low, c.High, i.Requests - i.Failed, i.Runs})
		}
	}
	return all
}

func (a *Adjusted) change() *Change {
	if a == nil {
		return nil
	}
	return a.Change
}

func (f *Felt) change() *Change {
	if f == nil {
		return nil
	}
	return f.Change
}

func (f *Felt) meanChange() *Change {
	if f == nil {
		return nil
	}
	return f.MeanChange
}

func put[T any](all map[string]map[string]T, function string, rate int, value T) {
	if all[function] == nil {
		all[function] = make(map[string]T)
	}
	all[function][strconv.Itoa(rate)] = value
}

// emptyIfNil makes a list that is [] in JSON, and not null.
func emptyIfNil[T any](list []T) []T {
	if list == nil {
		return []T{}
	}
	return list
}

func paperDocument() PaperDocument {
	d := PaperDocument{Functions: make(map[string]Paper), GeomeanImproved: make(map[string]float64)}
	for _, f := range functions() {
		d.Functions[f.name] = f.Paper
	}
	for _, rate := range []int{1, 4, 20} {
		d.GeomeanImproved[strconv.Itoa(rate)] = paperGeomean(rate)
	}
	return d
}

func (d Document) write(w io.Writer) error {
	enc := json.NewEncoder(w)
	enc.SetEscapeHTML(false) // strategies hold an "&"
	enc.SetIndent("", "  ")
	if err := enc.Encode(d); err != nil {
		return fmt.Errorf("write summary.json: %w", err)
	}
	return nil
}
