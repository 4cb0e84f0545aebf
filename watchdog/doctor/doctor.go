// Package doctor finds out whether functions can have hot starts here, in this
// container or on this machine, what is in the way, and how to mend it.
package doctor

import (
	"context"
	"os"

	"github.com/pronghorn-faas/pronghorn/snapshot/criu"
)

// Status of a check.
type Status string

// What a check can say.
const (
	// OK: nothing to do.
	OK Status = "ok"
	// Warning: it works, but not as well as it could.
	Warning Status = "warning"
	// Failed: there are no hot starts as long as this is so; functions start cold.
	Failed Status = "failed"
	// Skipped: what it needs has failed, or nobody asked for it.
	Skipped Status = "skipped"
)

// Check is one finding.
type Check struct {
	Name   string `json:"name"`
	Status Status `json:"status"`
	// Detail is what was found.
	Detail string `json:"detail"`
	// Remedy is what to do about it; "" if nothing is to be done.
	Remedy string `json:"remedy,omitempty"`
}

// Options say what to look at; what is empty is left out.
type Options struct {
	// CRIU is the path of the CRIU program; "" = where the watchdog looks.
	CRIU string
	// StagingDir is where images are staged, CacheDir the node's cache, KeyFile
	// the file of the encryption keys.
	StagingDir, CacheDir, KeyFile string
	// AgentURL is the policy agent; Token and Function are what it is asked with.
	AgentURL, Token, Function string
	// Command is the function's command.
	Command []string
	// Counter is a program that counts from 1 on its standard output, a number
	// a line, for the trial; see Count.
	Counter []string
}

// Run makes all checks, in the order in which a start goes through them.
func Run(ctx context.Context, o Options) []Check {
	d := &doctor{Options: o}
	checks := []func(context.Context) Check{
		d.kernel, d.program, d.rights, d.ids, d.features, d.memory, d.staging, d.trial, d.cache, d.keys, d.command, d.agent,
	}
	found := make([]Check, 0, len(checks))
	for _, check := range checks {
		found = append(found, check(ctx))
	}
	return found
}

// Healthy reports whether none of the checks failed.
func Healthy(checks []Check) bool {
	for _, c := range checks {
		if c.Status == Failed {
			return false
		}
	}
	return true
}

// doctor keeps what later checks need of earlier ones.
type doctor struct {
	Options
	engine *criu.Engine // nil when there is no CRIU
	pids   criu.PIDs
	works  bool // CRIU may do what it must
}

func ok(name, detail string) Check { return Check{Name: name, Status: OK, Detail: detail} }

func failed(name string, err error, remedy string) Check {
	return Check{Name: name, Status: Failed, Detail: err.Error(), Remedy: remedy}
}

func warning(name, detail, remedy string) Check {
	return Check{Name: name, Status: Warning, Detail: detail, Remedy: remedy}
}

func skipped(name, why string) Check { return Check{Name: name, Status: Skipped, Detail: why} }

// kernel says which kernel this is; whether it will do is for the trial to say.
func (d *doctor) kernel(context.Context) Check {
	const name = "kernel"
	release, err := os.ReadFile("/proc/sys/kernel/osrelease")
	if err != nil {
		return failed(name, err, "mount /proc")
	}
	return ok(name, "Linux "+trimmed(release))
}
