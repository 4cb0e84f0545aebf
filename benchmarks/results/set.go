package results

import (
	"errors"
	"io/fs"
	"path/filepath"
	"strings"
)

// Set is the paths of the three files of a run.
type Set struct {
	// Rows is the artifact's CSV, Requests and Lifetimes are the files beside it.
	Rows, Requests, Lifetimes string
}

// SetOf returns the set whose artifact's CSV is at rows: data/x.csv stands
// next to data/x.requests.csv and data/x.lifetimes.csv.
func SetOf(rows string) Set {
	ext := filepath.Ext(rows)
	base := strings.TrimSuffix(rows, ext)
	return Set{Rows: rows, Requests: base + ".requests" + ext, Lifetimes: base + ".lifetimes" + ext}
}

// Data is the content of one or more sets.
type Data struct {
	Rows      []Row
	Requests  []RequestRow
	Lifetimes []LifetimeRow
	// Setups say how the results came to be, as far as that is known.
	Setups []Setup
}

// Read returns the content of a set. The artifact's CSV has to exist; the
// files beside it need not. When files are torn and otherwise good, the data
// comes with an error that is ErrTorn.
func (s Set) Read() (Data, error) {
	var data Data
	var errs [3]error
	data.Rows, errs[0] = Read[Row](s.Rows)
	data.Requests, errs[1] = readIfThere[RequestRow](s.Requests)
	data.Lifetimes, errs[2] = readIfThere[LifetimeRow](s.Lifetimes)
	for _, err := range errs {
		if err != nil && !errors.Is(err, ErrTorn) {
			return Data{}, err
		}
	}
	return data, errors.Join(errs[:]...)
}

func readIfThere[T Record[T]](path string) ([]T, error) {
	records, err := Read[T](path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	return records, err
}

// Add appends the content of other to d.
func (d *Data) Add(other Data) {
	d.Rows = append(d.Rows, other.Rows...)
	d.Requests = append(d.Requests, other.Requests...)
	d.Lifetimes = append(d.Lifetimes, other.Lifetimes...)
	d.Setups = append(d.Setups, other.Setups...)
}
