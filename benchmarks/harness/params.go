package harness

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"reflect"
	"strings"

	"github.com/pronghorn-faas/pronghorn/benchmarks/machine"
	"github.com/pronghorn-faas/pronghorn/benchmarks/results"
	"github.com/pronghorn-faas/pronghorn/snapshot/criu"
)

// ErrParameters says that the files of another run are in the way.
var ErrParameters = errors.New("results of another run are in the way")

// setup is how the run is described beside its results: as documentation, and
// so that a run is only ever continued as it was begun.
func (c Config) setup() (results.Setup, error) {
	work, err := filepath.Rel(filepath.Dir(c.Out), c.Work)
	if err != nil { // one of them is absolute, the other not
		if work, err = filepath.Abs(c.Work); err != nil {
			return results.Setup{}, err
		}
	}
	return results.Setup{
		Functions: c.Functions, Strategies: c.Strategies, More: c.More, MoreRates: c.MoreRates, Rates: c.Rates, Requests: c.Requests, RequestsOf: c.RequestsOf,
		Pause: c.Pause.String(), Settle: c.Settle.String(), Mutability: c.Mutability, Seed: c.Seed, KeepRandom: c.KeepRandom, NodeCache: c.NodeCache,
		GCTime: c.GCTime, CPU: c.CPU, WorkerCPUs: c.WorkerCPUs, Gateway: c.Gateway.address(), Pool: withoutCredentials(c.Pool), Work: work,
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
func (c Config) claim(ctx context.Context) error {
	want, err := c.setup()
	if err != nil {
		return err
	}
	path := results.SetupPath(c.Out)
	raw, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return c.claimNew(ctx, path, want)
	}
	if err != nil {
		return fmt.Errorf("read the parameters of the run: %w", err)
	}
	var got results.Setup
	if err := json.Unmarshal(raw, &got); err != nil {
		return fmt.Errorf("%w: %s is not readable (%w): use --fresh to start over, or another --out or --data", ErrParameters, path, err)
	}
	if changed := changes(got, want); changed != "" {
		return fmt.Errorf("%w: %s was begun with other parameters (%s): use --fresh to start over, or another --out or --data", ErrParameters, c.Out, changed)
	}
	return nil
}

// claimNew writes the parameters in one step; a torn file would block the run.
func (c Config) claimNew(ctx context.Context, path string, s results.Setup) error {
	if _, err := os.Stat(c.Out); err == nil {
		return fmt.Errorf("%w: %s exists and has no %s beside it: use --fresh to overwrite it, or another --out or --data", ErrParameters, c.Out, filepath.Base(path))
	}
	s.Machine = machine.Describe(ctx, programs())
	var text bytes.Buffer
	enc := json.NewEncoder(&text)
	enc.SetEscapeHTML(false) // strategies hold an "&"
	enc.SetIndent("", "  ")
	if err := enc.Encode(s); err != nil {
		return err
	}
	return replaceFile(path, text.Bytes())
}

// programs are those whose versions have a say in the results.
func programs() map[string]machine.Program {
	all := map[string]machine.Program{
		"PyPy": {Name: "pypy3", Args: []string{"-c", "import sys; print('%d.%d.%d' % sys.pypy_version_info[:3])"}},
		"JDK":  {Name: "java", Args: []string{"-version"}},
	}
	if bin, err := criu.Find(os.Getenv("PRONGHORN_CRIU")); err == nil {
		call := strings.Fields(bin.String())
		all["CRIU"] = machine.Program{Name: call[0], Args: append(call[1:], "--version")}
	}
	return all
}

// changes lists the parameters that differ, as "name: old, now new".
func changes(was, now results.Setup) string {
	was.Machine, now.Machine = nil, nil
	var list []string
	old, new := reflect.ValueOf(was), reflect.ValueOf(now)
	for i := range old.NumField() {
		if !reflect.DeepEqual(old.Field(i).Interface(), new.Field(i).Interface()) {
			name, _, _ := strings.Cut(old.Type().Field(i).Tag.Get("json"), ",")
			list = append(list, fmt.Sprintf("%s: %v, now %v", name, old.Field(i), new.Field(i)))
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
