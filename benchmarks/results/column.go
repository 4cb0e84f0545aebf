package results

import (
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"
)

// A Record is what one of the files holds one of a line: Row, RequestRow or
// LifetimeRow.
type Record[T any] interface {
	layout() layout[T]
}

// layout is the format of a file of records.
type layout[T any] struct {
	header  bool // the first line names the columns
	columns []column[T]
}

// found is the layout of a file that has a header: without the optional columns
// that the header leaves out. They are read in the order of the layout.
func (l layout[T]) found(header []string) layout[T] {
	var there []column[T]
	for _, c := range l.columns {
		at := len(there)
		if c.optional && (at >= len(header) || header[at] != c.name) {
			continue
		}
		there = append(there, c)
	}
	l.columns = there
	return l
}

// names are the names of the columns.
func (l layout[T]) names() []string {
	names := make([]string, len(l.columns))
	for i, c := range l.columns {
		names[i] = c.name
	}
	return names
}

// cells are the values of a record, one a column.
func (l layout[T]) cells(record *T) []string {
	cells := make([]string, len(l.columns))
	for i, c := range l.columns {
		cells[i] = c.format(record)
	}
	return cells
}

// column is one field of a record and its form in a file.
type column[T any] struct {
	name string
	// optional columns may be missing in a file with a header.
	optional bool
	// want says what a cell may hold, for errors.
	want   string
	format func(*T) string
	// parse sets the field, or reports false when the cell is not what it wants.
	parse func(*T, string) bool
}

// text is a column of any text. A record is one line, so that an interrupted
// write can be told from a whole one: line breaks in the text become spaces.
func text[T any](name string, field func(*T) *string) column[T] {
	return column[T]{
		name:   name,
		want:   "text",
		format: func(r *T) string { return oneLine(*field(r)) },
		parse:  func(r *T, cell string) bool { *field(r) = cell; return true },
	}
}

func oneLine(s string) string {
	return strings.Map(func(r rune) rune {
		if r == '\n' || r == '\r' {
			return ' '
		}
		return r
	}, s)
}

// name is a column of text that is never empty.
func name[T any](name string, field func(*T) *string) column[T] {
	c := text(name, field)
	c.want = "a name"
	c.parse = func(r *T, cell string) bool { *field(r) = cell; return cell != "" }
	return c
}

// choice is a column of one of some words.
func choice[T any](name string, field func(*T) *string, words ...string) column[T] {
	c := text(name, field)
	c.want = strings.Join(words, " or ")
	c.parse = func(r *T, cell string) bool { *field(r) = cell; return slices.Contains(words, cell) }
	return c
}

// integer is a column of a whole number.
func integer[T any, I int | int64](name string, field func(*T) *I) column[T] {
	return column[T]{
		name:   name,
		want:   "a whole number",
		format: func(r *T) string { return strconv.FormatInt(int64(*field(r)), 10) },
		parse: func(r *T, cell string) bool {
			n, err := strconv.ParseInt(cell, 10, 64)
			*field(r) = I(n)
			return err == nil
		},
	}
}

// count is a column of a whole number that is not negative.
func count[T any, I int | int64](name string, field func(*T) *I) column[T] {
	return notNegative(integer(name, field), field)
}

func notNegative[T any, I int | int64](c column[T], field func(*T) *I) column[T] {
	c.want = "a whole number of 0 or more"
	parse := c.parse
	c.parse = func(r *T, cell string) bool { return parse(r, cell) && *field(r) >= 0 }
	return c
}

// micros is a column of a time in µs. The artifact writes it with a fraction,
// "20131.0", which is rounded.
func micros[T any](name string, field func(*T) *int64) column[T] {
	c := integer(name, field)
	parse := c.parse
	c.parse = func(r *T, cell string) bool {
		if parse(r, cell) {
			return true
		}
		x, err := strconv.ParseFloat(cell, 64)
		*field(r) = int64(math.RoundToEven(x))
		return err == nil && math.Abs(x) < 1<<53
	}
	return c
}

// unlessUnknown is a column of a whole number that is not negative; it is
// empty, or not there at all, where the number is unknown.
func unlessUnknown[T any](name string, field func(*T) **int64) column[T] {
	return column[T]{
		name:     name,
		optional: true,
		want:     "a whole number of 0 or more, or nothing",
		format: func(r *T) string {
			if *field(r) == nil {
				return ""
			}
			return strconv.FormatInt(**field(r), 10)
		},
		parse: func(r *T, cell string) bool {
			if cell == "" {
				return true
			}
			n, err := strconv.ParseInt(cell, 10, 64)
			*field(r) = &n
			return err == nil && n >= 0
		},
	}
}

// decimal is a column of a finite number that is not negative.
func decimal[T any](name string, field func(*T) *float64) column[T] {
	return column[T]{
		name:   name,
		want:   "a number of 0 or more",
		format: func(r *T) string { return strconv.FormatFloat(*field(r), 'f', -1, 64) },
		parse: func(r *T, cell string) bool {
			x, err := strconv.ParseFloat(cell, 64)
			*field(r) = x
			return err == nil && x >= 0 && !math.IsInf(x, 1)
		},
	}
}

// timestamp is a column of a point in time.
func timestamp[T any](name string, field func(*T) *time.Time) column[T] {
	return column[T]{
		name:   name,
		want:   "a time like 2006-01-02T15:04:05.999999999Z",
		format: func(r *T) string { return field(r).UTC().Format(time.RFC3339Nano) },
		parse: func(r *T, cell string) bool {
			t, err := time.Parse(time.RFC3339Nano, cell)
			*field(r) = t.UTC()
			// A time at the edge leaves the four digits of a year in UTC.
			return err == nil && field(r).Year() >= 0 && field(r).Year() <= 9999
		},
	}
}

// set sets the column's field of a record, or says what is wrong with a cell.
func (c column[T]) set(record *T, cell string) error {
	if c.parse(record, cell) {
		return nil
	}
	return fmt.Errorf("column %s: %q: want %s", c.name, cell, c.want)
}
