package harness

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"reflect"
	"strings"
)

// ErrParameters says that the files of another run are in the way.
var ErrParameters = errors.New("results of another run are in the way")

// params are the parameters that all results of one run share. They stand
// beside the results, as documentation and so that a run is only ever
// continued as it was begun.
type params struct {
	Functions  []string `json:"functions"`
	Strategies []string `json:"strategies"`
	Rates      []int    `json:"rates"`
	Requests   int      `json:"requests"`
	Pause      string   `json:"pause"`
	Settle     string   `json:"settle"`
	Mutability float64  `json:"mutability"`
	Seed       uint64   `json:"seed"`
	KeepRandom bool     `json:"keep_random"`
	CPU        int      `json:"cpu"`
	Pool       string   `json:"pool,omitempty"` // without credentials
	Work       string   `json:"work"`
}

func (c Config) params() (params, error) {
	work, err := filepath.Abs(c.Work)
	if err != nil {
		return params{}, err
	}
	return params{
		Functions: c.Functions, Strategies: c.Strategies, Rates: c.Rates, Requests: c.Requests,
		Pause: c.Pause.String(), Settle: c.Settle.String(), Mutability: c.Mutability, Seed: c.Seed, KeepRandom: c.KeepRandom,
		CPU: c.CPU, Pool: withoutCredentials(c.Pool), Work: work,
	}, nil
}

func withoutCredentials(pool string) string {
	u, err := url.Parse(pool)
	if err != nil {
		return ""
	}
	u.User = nil
	return u.String()
}

// claim makes the files of the run ours: it writes the parameters of a new
// run, or compares them with those of the run that is to be continued.
func (c Config) claim() error {
	want, err := c.params()
	if err != nil {
		return err
	}
	path := c.beside(".run.json")
	raw, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return c.claimNew(path, want)
	}
	if err != nil {
		return fmt.Errorf("read the parameters of the run: %w", err)
	}
	var got params
	if err := json.Unmarshal(raw, &got); err != nil {
		return fmt.Errorf("%w: %s is not readable (%w): use --fresh to start over, or another --out", ErrParameters, path, err)
	}
	if changed := got.changed(want); changed != "" {
		return fmt.Errorf("%w: %s was begun with other parameters (%s): use --fresh to start over, or another --out", ErrParameters, c.Out, changed)
	}
	return nil
}

// claimNew writes the parameters in one step; a torn file would block the run.
func (c Config) claimNew(path string, p params) error {
	if _, err := os.Stat(c.Out); err == nil {
		return fmt.Errorf("%w: %s exists and has no %s beside it: use --fresh to overwrite it, or another --out", ErrParameters, c.Out, filepath.Base(path))
	}
	var text bytes.Buffer
	enc := json.NewEncoder(&text)
	enc.SetEscapeHTML(false) // strategies hold an "&"
	enc.SetIndent("", "  ")
	if err := enc.Encode(p); err != nil {
		return err
	}
	return replaceFile(path, text.Bytes())
}

// changed lists the parameters that differ, as "name: old, now new".
func (p params) changed(now params) string {
	var list []string
	was, is := reflect.ValueOf(p), reflect.ValueOf(now)
	for i := range was.NumField() {
		if !reflect.DeepEqual(was.Field(i).Interface(), is.Field(i).Interface()) {
			name, _, _ := strings.Cut(was.Type().Field(i).Tag.Get("json"), ",")
			list = append(list, fmt.Sprintf("%s: %v, now %v", name, was.Field(i), is.Field(i)))
		}
	}
	return strings.Join(list, "; ")
}

func replaceFile(path string, data []byte) error {
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return err
	}
	if err := os.WriteFile(path+".new", data, 0o644); err != nil {
		return err
	}
	return os.Rename(path+".new", path)
}
