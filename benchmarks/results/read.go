package results

import (
	"bytes"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"os"
)

// ErrTorn says that the last line of a file is unfinished, because the run was
// interrupted or still goes on. The records before it are good, and OpenAppend
// removes it.
var ErrTorn = errors.New("the last line is unfinished")

// Read returns the records of the file at path; see Parse.
func Read[T Record[T]](path string) ([]T, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("read results: %w", err)
	}
	defer f.Close()
	return Parse[T](f, path)
}

// Parse returns the records that r holds. Errors read
// "name:line: column X: value: what was expected". When the last line is
// unfinished the records before it come with an error that is ErrTorn.
func Parse[T Record[T]](r io.Reader, name string) ([]T, error) {
	data, err := io.ReadAll(r)
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", name, err)
	}
	whole := bytes.LastIndexByte(data, '\n') + 1
	records, err := parse[T](data[:whole], name)
	if err == nil && whole < len(data) {
		line := bytes.Count(data, []byte{'\n'}) + 1
		err = fmt.Errorf("%s:%d: %w", name, line, ErrTorn)
	}
	return records, err
}

// parse returns the records of whole lines.
func parse[T Record[T]](data []byte, name string) ([]T, error) {
	d := newDecoder[T](bytes.NewReader(data), name)
	if err := d.header(); err != nil {
		return nil, err
	}
	var records []T
	for {
		record, err := d.next()
		if errors.Is(err, io.EOF) {
			return records, nil
		}
		if err != nil {
			return nil, err
		}
		records = append(records, record)
	}
}

// decoder reads the records of one file.
type decoder[T any] struct {
	name   string
	layout layout[T]
	csv    *csv.Reader
	// before is the number of lines of the file before those that csv reads.
	before int
}

func newDecoder[T Record[T]](r io.Reader, name string) *decoder[T] {
	var record T
	d := &decoder[T]{name: name, layout: record.layout(), csv: csv.NewReader(r)}
	d.csv.FieldsPerRecord = -1 // counted here, for the sake of the error
	d.csv.ReuseRecord = true
	return d
}

// header reads the first line if it has to name the columns. A file without
// any line has no header yet.
func (d *decoder[T]) header() error {
	if !d.layout.header {
		return nil
	}
	cells, err := d.line()
	if errors.Is(err, io.EOF) {
		return nil
	}
	if err != nil {
		return err
	}
	d.layout = d.layout.found(cells)
	if err := d.count(cells); err != nil {
		return err
	}
	for i, want := range d.layout.names() {
		if cells[i] != want {
			return d.errorf(i, "column %d: %q: want the header %q", i+1, cells[i], want)
		}
	}
	return nil
}

// next returns the next record, or io.EOF.
func (d *decoder[T]) next() (T, error) {
	var record T
	cells, err := d.cells()
	if err != nil {
		return record, err
	}
	for i, c := range d.layout.columns {
		if err := c.set(&record, cells[i]); err != nil {
			return record, d.errorf(i, "%w", err)
		}
	}
	return record, nil
}

// cells returns the cells of the next line, as many as there are columns.
func (d *decoder[T]) cells() ([]string, error) {
	cells, err := d.line()
	if err != nil {
		return nil, err
	}
	return cells, d.count(cells)
}

func (d *decoder[T]) count(cells []string) error {
	if want := len(d.layout.columns); len(cells) != want {
		return d.errorf(0, "%d columns: want %d", len(cells), want)
	}
	return nil
}

// line returns the cells of the next line, or io.EOF.
func (d *decoder[T]) line() ([]string, error) {
	cells, err := d.csv.Read()
	if errors.Is(err, io.EOF) {
		return nil, io.EOF
	}
	var syntax *csv.ParseError
	if errors.As(err, &syntax) {
		return nil, fmt.Errorf("%s:%d: character %d: %w", d.name, d.before+syntax.Line, syntax.Column, syntax.Err)
	}
	if err != nil {
		return nil, fmt.Errorf("%s: %w", d.name, err)
	}
	return cells, nil
}

// errorf is an error that starts with the place of cell i of the last line.
func (d *decoder[T]) errorf(i int, format string, args ...any) error {
	line, _ := d.csv.FieldPos(i)
	return fmt.Errorf("%s:%d: %w", d.name, d.before+line, fmt.Errorf(format, args...))
}
