package results

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"strings"
)

// maxComplaints bounds what is said about one file.
const maxComplaints = 10

// Complaints are what was left out of damaged files and why, each in the words
// of Parse. Of a file with many bad lines the first few are told.
type Complaints []error

// SalvageFile returns the records of the file at path that can be read; see
// Salvage. It fails only if the file itself cannot be read.
func SalvageFile[T Record[T]](path string) ([]T, Complaints, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, nil, fmt.Errorf("read results: %w", err)
	}
	defer f.Close()
	data, err := io.ReadAll(f)
	if err != nil {
		return nil, nil, fmt.Errorf("read %s: %w", path, err)
	}
	records, complaints := Salvage[T](data, path)
	return records, complaints, nil
}

// Salvage returns the records that can be read, and complaints about the lines
// that cannot. A file whose header is not the expected one has no records.
func Salvage[T Record[T]](data []byte, name string) ([]T, Complaints) {
	records, err := Parse[T](bytes.NewReader(data), name)
	if err == nil {
		return records, nil
	}
	if errors.Is(err, ErrTorn) {
		return records, Complaints{fmt.Errorf("%w; it is left out", err)}
	}
	return byLine[T](string(data), name)
}

// byLine reads each line on its own, so that a stray quote costs one line.
func byLine[T Record[T]](data, name string) ([]T, Complaints) {
	var record T
	s := &salvager[T]{name: name, layout: record.layout(), headless: record.layout().header}
	n := 0
	for line := range strings.Lines(data) {
		if err := s.line(line, n); err != nil {
			return nil, Complaints{fmt.Errorf("%w; the file is left out", err)}
		}
		n++
	}
	if s.bad > len(s.complaints) {
		s.complaints = append(s.complaints, fmt.Errorf("%s: %d more lines are left out", name, s.bad-len(s.complaints)))
	}
	return s.records, s.complaints
}

type salvager[T Record[T]] struct {
	name       string
	layout     layout[T]
	headless   bool // the header is still to come
	records    []T
	complaints Complaints
	bad        int // lines that are left out
}

// line reads line n, counted from 0. Only a bad header is an error.
func (s *salvager[T]) line(text string, n int) error {
	d := newDecoder[T](strings.NewReader(text), s.name)
	d.layout, d.before = s.layout, n
	if s.headless {
		err := d.header()
		s.layout, s.headless = d.layout, false
		return err
	}
	record, err := d.next()
	switch {
	case errors.Is(err, io.EOF): // an empty line
	case err == nil && !strings.HasSuffix(text, "\n"):
		s.complain(fmt.Errorf("%s:%d: %w", s.name, n+1, ErrTorn))
	case err == nil:
		s.records = append(s.records, record)
	default:
		s.complain(err)
	}
	return nil
}

func (s *salvager[T]) complain(err error) {
	s.bad++
	if s.bad <= maxComplaints {
		s.complaints = append(s.complaints, fmt.Errorf("%w; it is left out", err))
	}
}

// Salvage returns what can be read of a set. It fails only if the artifact's
// CSV cannot be read at all.
func (s Set) Salvage() (Data, Complaints, error) {
	var data Data
	var all Complaints
	rows, complaints, err := SalvageFile[Row](s.Rows)
	if err != nil {
		return Data{}, nil, err
	}
	data.Rows, all = rows, append(all, complaints...)
	data.Requests, complaints = salvageIfThere[RequestRow](s.Requests)
	all = append(all, complaints...)
	data.Lifetimes, complaints = salvageIfThere[LifetimeRow](s.Lifetimes)
	return data, append(all, complaints...), nil
}

func salvageIfThere[T Record[T]](path string) ([]T, Complaints) {
	records, complaints, err := SalvageFile[T](path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, Complaints{err}
	}
	return records, complaints
}
