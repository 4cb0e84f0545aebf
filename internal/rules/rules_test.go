// Package rules_test enforces the structure of the project: which room may
// import which, and what the watchdog, which is part of every function's
// image, may depend on.
package rules_test

import (
	"maps"
	"os/exec"
	"slices"
	"strings"
	"testing"
)

const module = "github.com/pronghorn-faas/pronghorn/"

// allowed says what each room may import of ours; a room is the first part of
// a package's path. internal/ packages are leaves that any room but policy may use.
var allowed = map[string][]string{
	"policy":     {},
	"kvstore":    {"kvstore", "internal"},
	"snapshot":   {"snapshot", "internal"},
	"agent":      {"agent", "policy", "kvstore", "snapshot", "internal"},
	"watchdog":   {"watchdog", "snapshot", "agent", "kvstore", "internal"},
	"internal":   {"internal"},
	"benchmarks": {"benchmarks", "watchdog", "agent", "policy", "kvstore", "snapshot", "internal"},
	"deploy":     {"deploy", "watchdog", "agent", "kvstore", "snapshot", "internal"}, // tests of images
	"cmd":        {"cmd", "benchmarks", "watchdog", "agent", "policy", "kvstore", "snapshot", "internal"},
}

// watchdogMayUse are the packages of other rooms that fwatchdog is built from:
// clients, image handling and domain types, but no service and no backend.
var watchdogMayUse = []string{
	"agent", "kvstore", "snapshot", "snapshot/criu", "snapshot/userfault",
	"internal/background", "internal/httpx", "internal/recorder", "internal/shutdown", "internal/version",
}

// watchdogModules is the dependency budget of fwatchdog.
var watchdogModules = []string{
	"github.com/checkpoint-restore/go-criu/v7",
	"github.com/dustin/go-humanize",
	"github.com/go-jose/go-jose/v4",
	"github.com/hashicorp/go-retryablehttp",
	"github.com/hashicorp/go-cleanhttp",
	"github.com/klauspost/compress",
	"github.com/prometheus/client_golang",
	"github.com/prometheus/client_model",
	"github.com/prometheus/common",
	"github.com/prometheus/procfs",
	"github.com/beorn7/perks",
	"github.com/cespare/xxhash/v2",
	"github.com/munnerz/goautoneg",
	"go.yaml.in/yaml/v2",
	"golang.org/x/sys",
	"google.golang.org/protobuf",
}

func goList(t *testing.T, args ...string) []string {
	t.Helper()
	cmd := exec.Command("go", append([]string{"list"}, args...)...)
	cmd.Dir = "../.."
	var stderr strings.Builder
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("go list %q: %v\n%s", args, err, stderr.String())
	}
	return strings.Split(strings.TrimSpace(string(out)), "\n")
}

func room(path string) string {
	first, _, _ := strings.Cut(strings.TrimPrefix(path, module), "/")
	return first
}

func TestRoomsImportOnlyWhatTheyMay(t *testing.T) {
	rooms := map[string]bool{}
	for _, line := range goList(t, "-f", `{{.ImportPath}}{{range .Imports}} {{.}}{{end}}`, "./...") {
		fields := strings.Fields(line)
		from := room(fields[0])
		rooms[from] = true
		for _, imported := range fields[1:] {
			if strings.HasPrefix(imported, module) && !slices.Contains(allowed[from], room(imported)) && from != room(imported) {
				t.Errorf("%s imports %s: %s may import %v", fields[0], imported, from, allowed[from])
			}
		}
	}
	for _, r := range slices.Sorted(maps.Keys(rooms)) {
		if _, known := allowed[r]; !known {
			t.Errorf("package directory %s has no rule: add one", r)
		}
	}
}

func TestWatchdogStaysSmall(t *testing.T) {
	for _, line := range goList(t, "-deps", "-f", `{{if not .Standard}}{{.ImportPath}} {{with .Module}}{{.Path}}{{end}}{{end}}`, "./watchdog/fwatchdog") {
		fields := strings.Fields(line)
		if len(fields) == 0 {
			continue
		}
		ours, isOurs := strings.CutPrefix(fields[0], module)
		switch {
		case isOurs && room(fields[0]) != "watchdog" && !slices.Contains(watchdogMayUse, ours):
			t.Errorf("fwatchdog is built with %s: want clients and types only, %v", fields[0], watchdogMayUse)
		case !isOurs && !slices.Contains(watchdogModules, fields[1]):
			t.Errorf("fwatchdog is built with %s of %s, which is not in its budget", fields[0], fields[1])
		}
	}
}
