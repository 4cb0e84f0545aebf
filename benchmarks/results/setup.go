package results

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/pronghorn-faas/pronghorn/benchmarks/machine"
)

// Setup is what all results of one file share: the parameters of the run, and
// the machine that it was begun on. It stands beside the results as
// NAME.run.json.
type Setup struct {
	Functions  []string `json:"functions"`
	Strategies []string `json:"strategies"`
	// More are further strategies of some functions.
	More map[string][]string `json:"more_strategies,omitempty"`
	// MoreRates are the rates of More; nil = all.
	MoreRates []int `json:"more_rates,omitempty"`
	Rates     []int `json:"rates"`
	Requests  int   `json:"requests"`
	// RequestsOf are the requests of a configuration, by function and rate, where
	// they are other than Requests.
	RequestsOf map[string]map[int]int `json:"requests_of,omitempty"`
	Pause      string                 `json:"pause"`
	Settle     string                 `json:"settle"`
	Mutability float64                `json:"mutability"`
	Seed       uint64                 `json:"seed"`
	KeepRandom bool                   `json:"keep_random"`
	GCTime     bool                   `json:"gc_time,omitempty"`
	NodeCache  bool                   `json:"node_cache,omitempty"`
	CPU        int                    `json:"cpu"`
	// WorkerCPUs is how many CPUs a worker has; 0 is one.
	WorkerCPUs int    `json:"worker_cpus,omitempty"`
	Pool       string `json:"pool,omitempty"` // without credentials
	// Gateway is behind which the functions ran; "" = on this machine.
	Gateway string `json:"gateway,omitempty"`
	// Work is relative to the directory of the results.
	Work string `json:"work"`
	// Machine is no parameter; nil in files that were written before it was.
	Machine *machine.Description `json:"machine,omitempty"`

	// Source is where the setup was read. It is no part of the file.
	Source Source `json:"-"`
}

// RequestsFor is the number of requests of each configuration of a function at
// a rate.
func (s Setup) RequestsFor(function string, rate int) int {
	if n, ok := s.RequestsOf[function][rate]; ok {
		return n
	}
	return s.Requests
}

// SetupPath is where the setup of the results in an artifact's CSV stands.
func SetupPath(rows string) string {
	return strings.TrimSuffix(rows, filepath.Ext(rows)) + ".run.json"
}

// readSetup returns the setup beside the source's results; nil if there is
// none.
func (s Source) readSetup() (*Setup, error) {
	path := SetupPath(s.Rows)
	raw, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("read the parameters of a run: %w", err)
	}
	var setup Setup
	if err := json.Unmarshal(raw, &setup); err != nil {
		return nil, fmt.Errorf("%s: %w; what was run is not told", path, err)
	}
	setup.Source = s
	return &setup, nil
}
