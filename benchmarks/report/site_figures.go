package report

import (
	"errors"
	"slices"
)

// Names of the figures of the pages, without extension.
const (
	forestFigure  = "improvement"
	figure4       = "figure-4"
	figure5       = "figure-5"
	figureOther   = "figure-other"
	lineagePyPy   = "request-numbers-pypy"
	lineageJVM    = "request-numbers-jvm"
	lineageOther  = "request-numbers-other"
	sweepFigure   = "fixed-k"
	figureTitle4  = "Figure 4: client latency of the PyPy functions by eviction rate"
	figureTitle5  = "Figure 5: client latency of the JVM functions by eviction rate"
	figureTitleXs = "Client latency of other functions by eviction rate"
)

// siteFigures are the figures of the pages, by name, without those that would
// be empty. What cannot be drawn is in the error; the rest is good.
func (e Evaluation) siteFigures() (map[string]grid, error) {
	s := e.styles()
	all := make(map[string]grid)
	var errs []error
	add := func(name string, g grid, err error) {
		if err == nil {
			all[name] = g
		}
		errs = append(errs, err)
	}
	if slices.ContainsFunc(e.Improvements, func(i Improvement) bool { return i.Change != nil }) {
		add(forestFigure, forestGrid(e.Improvements), nil)
	}
	for _, f := range []struct{ name, language, title string }{
		{figure4, pypy, figureTitle4}, {figure5, jvm, figureTitle5}, {figureOther, "", figureTitleXs},
	} {
		if d := newDistributions(e.groupsIn(f.language), s); len(d.keys) > 0 {
			g, err := d.grid(f.title)
			add(f.name, g, err)
		}
	}
	for _, f := range []struct{ name, language string }{{lineagePyPy, pypy}, {lineageJVM, jvm}, {lineageOther, ""}} {
		if some := e.lineagesIn(f.language, s); len(some) > 0 {
			g, err := lineageGrid(some, e.Policy, s)
			add(f.name, g, err)
		}
	}
	if len(e.Sweeps) > 0 {
		g, err := sweepGrid(e.Sweeps, e.Policy, s)
		add(sweepFigure, g, err)
	}
	return all, errors.Join(errs...)
}

// styles are the strategies that the figures show: all but those of the
// fixed-k sweep, which has a figure of its own.
func (e Evaluation) styles() styles {
	var s styles
	for _, sum := range e.Summaries {
		if family(sum.Strategy) != family("fixed") || sum.Strategy == Baseline {
			s = append(s, sum.Strategy)
		}
	}
	if len(s) == 0 {
		for _, sum := range e.Summaries {
			s = append(s, sum.Strategy)
		}
	}
	// These keep their styles whatever was run.
	s = append(s, "cold", Baseline)
	return styles(distinct(s, compareStrategies))
}

func (e Evaluation) groupsIn(of string) []*group {
	var some []*group
	for _, g := range e.groups {
		if language(g.Benchmark) == of {
			some = append(some, g)
		}
	}
	return some
}

func (e Evaluation) lineagesIn(of string, s styles) []Lineage {
	return slices.DeleteFunc(slices.Clone(e.Lineages), func(l Lineage) bool {
		return language(l.Benchmark) != of || !slices.Contains(s, l.Strategy)
	})
}
