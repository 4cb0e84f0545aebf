package report

import (
	"bytes"
	"encoding/csv"
	"fmt"
	"io"
	"strings"
	"unicode/utf8"
)

// table is what can be written as text or markdown.
type table struct {
	name    string // of its file; "" if it has none
	title   string
	columns []column
	rows    [][]string
	// keys and raw are the columns and rows as a CSV has them, tones what a page
	// sets off; nil unless tabulate has made the table.
	keys  []string
	raw   [][]string
	tones [][]string
}

type column struct {
	name  string
	right bool   // aligned to the right, for numbers
	group string // heading of neighbouring columns that have it in common
}

func word(name string) column   { return column{name: name} }
func number(name string) column { return column{name: name, right: true} }

// writeTables writes tables one after the other, in one write.
func writeTables(w io.Writer, tables []table, write func(*bytes.Buffer, table)) error {
	var buf bytes.Buffer
	for i, t := range tables {
		if i > 0 {
			buf.WriteByte('\n')
		}
		write(&buf, t)
	}
	if _, err := w.Write(buf.Bytes()); err != nil {
		return fmt.Errorf("write report: %w", err)
	}
	return nil
}

func writeText(buf *bytes.Buffer, t table) {
	widths := t.widths()
	fmt.Fprintf(buf, "%s\n\n", t.title)
	for _, row := range append([][]string{t.names()}, t.rows...) {
		cells := make([]string, len(row))
		for i, cell := range row {
			cells[i] = pad(cell, widths[i], t.columns[i].right)
		}
		fmt.Fprintln(buf, strings.TrimRight(strings.Join(cells, "  "), " "))
	}
}

func writeMarkdown(buf *bytes.Buffer, t table) {
	fmt.Fprintf(buf, "**%s**\n\n", t.title)
	rules := make([]string, len(t.columns))
	for i, c := range t.columns {
		rules[i] = "---"
		if c.right {
			rules[i] = "---:"
		}
	}
	for _, row := range append([][]string{t.names(), rules}, t.rows...) {
		fmt.Fprintf(buf, "| %s |\n", strings.Join(escape(row), " | "))
	}
}

// escape keeps the cells of a row from ending early.
func escape(cells []string) []string {
	escaped := make([]string, len(cells))
	for i, cell := range cells {
		escaped[i] = strings.ReplaceAll(cell, "|", `\|`)
	}
	return escaped
}

func (t table) names() []string {
	names := make([]string, len(t.columns))
	for i, c := range t.columns {
		names[i] = c.name
	}
	return names
}

// widths are the widths of the columns in characters.
func (t table) widths() []int {
	widths := make([]int, len(t.columns))
	for _, row := range append([][]string{t.names()}, t.rows...) {
		for i, cell := range row {
			widths[i] = max(widths[i], utf8.RuneCountInString(cell))
		}
	}
	return widths
}

func pad(cell string, width int, right bool) string {
	space := strings.Repeat(" ", width-utf8.RuneCountInString(cell))
	if right {
		return space + cell
	}
	return cell + space
}

// csv is the table as RFC 4180 has it, with a header, and unrounded.
func (t table) csv() ([]byte, error) {
	var buf bytes.Buffer
	w := csv.NewWriter(&buf)
	if err := w.WriteAll(append([][]string{t.keys}, t.raw...)); err != nil {
		return nil, fmt.Errorf("write %s.csv: %w", t.name, err)
	}
	return buf.Bytes(), nil
}
