package machine

import (
	"context"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// Description is Info and what else has a say in what a benchmark measures.
type Description struct {
	Info
	// MemoryBytes is all of the machine's memory.
	MemoryBytes uint64 `json:"memory_bytes"`
	// System is the distribution, and Begun when the description was made.
	System string    `json:"system"`
	Begun  time.Time `json:"begun"`
	// Load is the load of the last minute, before the run has added its own; -1
	// if unknown.
	Load float64 `json:"load"`
	// Software is versions by the name of a program, of those that are there.
	Software map[string]string `json:"software"`
}

// Program is a program and the arguments that make it tell its version.
type Program struct {
	Name string
	Args []string
}

// Describe describes this machine and the programs on it.
func Describe(ctx context.Context, programs map[string]Program) *Description {
	d := &Description{Info: This(), System: system(), Begun: time.Now().UTC().Truncate(time.Second), Load: Load(), Software: make(map[string]string)}
	var info unix.Sysinfo_t
	if unix.Sysinfo(&info) == nil {
		d.MemoryBytes = uint64(info.Totalram) * uint64(info.Unit)
	}
	for name, p := range programs {
		if v := version(ctx, p); v != "" {
			d.Software[name] = v
		}
	}
	return d
}

// version is what a program says first that has a number in it; "" if it does
// not.
func version(ctx context.Context, p Program) string {
	const within = 20 * time.Second
	ctx, cancel := context.WithTimeout(ctx, within)
	defer cancel()
	out, err := exec.CommandContext(ctx, p.Name, p.Args...).CombinedOutput()
	if err != nil {
		return ""
	}
	for line := range strings.Lines(string(out)) {
		line = strings.TrimSpace(line)
		// The JVM says first which options it has picked up.
		if strings.ContainsAny(line, "0123456789") && !strings.HasPrefix(line, "Picked up ") {
			return line
		}
	}
	return ""
}

// system is the name of the distribution; "" if it has none.
func system() string {
	raw, err := os.ReadFile("/etc/os-release")
	if err != nil {
		return ""
	}
	for line := range strings.Lines(string(raw)) {
		if value, ok := strings.CutPrefix(strings.TrimSpace(line), "PRETTY_NAME="); ok {
			if plain, err := strconv.Unquote(value); err == nil {
				return plain
			}
			return value
		}
	}
	return ""
}
