package report

import (
	"bytes"
	_ "embed"
	"fmt"
	"html/template"
	"strings"
)

//go:embed page.html
var pageTemplate string

// pageData is what the page is made of.
type pageData struct {
	Evaluation
	Requests, Failed, Runs int
	Headlines              []string
	tables                 map[string]table
	files                  map[string][]byte
}

// page makes the page that shows some files.
func (e Evaluation) page(files map[string][]byte) ([]byte, error) {
	tmpl, err := template.New(indexPage).Parse(pageTemplate)
	if err != nil {
		return nil, fmt.Errorf("write report: %w", err)
	}
	data := pageData{Evaluation: e, Headlines: e.headlines(), tables: e.siteTables(), files: files}
	for _, s := range e.Summaries {
		data.Requests += s.Requests
		data.Failed += s.Failed
		data.Runs = max(data.Runs, s.Runs)
	}
	var buf bytes.Buffer
	if err := tmpl.Execute(&buf, data); err != nil {
		return nil, fmt.Errorf("write report: %w", err)
	}
	return buf.Bytes(), nil
}

// Sizes says how many requests the functions were sent of each configuration.
func (d pageData) Sizes() string {
	if len(d.Extents) == 0 {
		return ""
	}
	least, most := d.Extents[0].Least, 0
	for _, e := range d.Extents {
		least, most = min(least, e.Least), max(most, e.Most)
	}
	if least == most {
		return fmt.Sprintf("Each configuration was sent %d requests in a run.", most)
	}
	return fmt.Sprintf("Each configuration was sent %d to %d requests in a run, as many of each function as stands at the end.", least, most)
}

// Section is a part of the page that there is something in.
type Section struct{ ID, Title string }

// Sections are those below the head of the page.
func (d pageData) Sections() []Section {
	all := []struct {
		Section
		file string // without which there is no such section
	}{
		{Section{"overall", "All functions"}, "overall.csv"},
		{Section{"improvement", "By function"}, "improvement.csv"},
		{Section{"with-start", "With the start"}, "with-start.csv"},
		{Section{"gc", "Without GC"}, "without-gc.csv"},
		{Section{"figure-4", "Figure 4"}, "figure-4.svg"},
		{Section{"figure-5", "Figure 5"}, "figure-5.svg"},
		{Section{"figure-other", "Other functions"}, "figure-other.svg"},
		{Section{"table-4", "Table 4"}, "table-4.csv"},
		{Section{"table-5", "Table 5"}, "table-5.csv"},
		{Section{"request-numbers", "By request number"}, "request-numbers.csv"},
		{Section{"fixed-k", "Fixed k"}, "fixed-k.csv"},
		{Section{"configurations", "Configurations"}, "configurations.csv"},
		{Section{"lifetimes", "Lifetimes"}, "lifetimes.csv"},
		{Section{"extent", "What was measured, and where"}, "extent.csv"},
	}
	var some []Section
	for _, s := range all {
		if _, ok := d.files[s.file]; ok {
			some = append(some, s.Section)
		}
	}
	return some
}

// Image is a figure on the page.
type Image struct{ Name, Alt string }

// Figure returns a figure; nil if there is none of that name.
func (d pageData) Figure(name, alt string) *Image {
	if d.files[name+"."+string(SVG)] == nil {
		return nil
	}
	return &Image{name, alt}
}

// Table returns a table; nil if there is none of that name.
func (d pageData) Table(name string) *pageTable {
	t, ok := d.tables[name]
	if !ok {
		return nil
	}
	p := &pageTable{Name: name, Title: t.title, Groups: t.groups()}
	for j, c := range t.columns {
		p.Heads = append(p.Heads, pageCell{Text: c.name, Class: t.class(j, "")})
	}
	for i, row := range t.rows {
		r := pageRow{First: i == 0 || row[0] != t.rows[i-1][0]}
		for j, text := range row {
			r.Cells = append(r.Cells, pageCell{Text: text, Class: t.class(j, t.tones[i][j])})
		}
		p.Rows = append(p.Rows, r)
	}
	return p
}

// pageTable is a table in the words of the template.
type pageTable struct {
	Name, Title string
	Groups      []headGroup
	Heads       []pageCell
	Rows        []pageRow
}

// pageRow is First if it starts a new function.
type pageRow struct {
	First bool
	Cells []pageCell
}

type pageCell struct{ Text, Class string }

// headGroup is a heading over some columns; "" over those that have none.
type headGroup struct {
	Name string
	Span int
}

// groups is nil if no columns have a heading in common.
func (t table) groups() []headGroup {
	var all []headGroup
	named := false
	for _, c := range t.columns {
		named = named || c.group != ""
		if n := len(all); n > 0 && all[n-1].Name == c.group {
			all[n-1].Span++
		} else {
			all = append(all, headGroup{c.group, 1})
		}
	}
	if !named {
		return nil
	}
	return all
}

// class is that of a cell in column j: numbers, a tone, the edge of a group.
func (t table) class(j int, tone string) string {
	class := tone
	if t.columns[j].right {
		class += " n"
	}
	if j > 0 && t.columns[j].group != t.columns[j-1].group {
		class += " g"
	}
	return strings.TrimSpace(class)
}

// headlines say in a sentence for each rate what came out.
func (e Evaluation) headlines() []string {
	var list []string
	for _, a := range e.Aggregates {
		if a.Strategy != e.Policy || a.Client == nil {
			continue
		}
		g := a.Client
		text := fmt.Sprintf("Rate %s: the median of %d of %d functions is more than 5 %% better, of %d more than 5 %% worse.",
			rateAndVariant(a.Rate, a.Variant), g.Better, g.Functions, g.Worse)
		if c := g.GeomeanImproved; c != nil {
			text += fmt.Sprintf(" Geometric mean over the improved: %s %% (%s … %s)", signed(c.Percent), signed(c.Low), signed(c.High))
			if a.PaperPercent != nil {
				text += fmt.Sprintf("; the paper has %s %%", signed(*a.PaperPercent))
			}
			text += "."
		}
		text += fmt.Sprintf(" Mean over all: %s %% (%s … %s).", signed(g.Mean.Percent), signed(g.Mean.Low), signed(g.Mean.High))
		if worse := e.worse(a); worse != "" {
			text += " Worse: " + worse + "."
		}
		list = append(list, text)
	}
	return list
}

// worse names the functions that got worse by more than 5 %.
func (e Evaluation) worse(a Aggregate) string {
	var list []string
	for _, i := range e.Improvements {
		_, variant := splitVariant(i.Benchmark)
		if i.Rate == a.Rate && variant == a.Variant && i.Change != nil && i.Change.Percent < -noticeable {
			list = append(list, fmt.Sprintf("%s (%s %%)", i.Benchmark, signed(i.Change.Percent)))
		}
	}
	return strings.Join(list, ", ")
}
