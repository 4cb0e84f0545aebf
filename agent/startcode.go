package agent

import (
	"slices"
	"strings"
)

// Planned is the start code of a lifetime that started as its plan said.
const Planned = "planned"

// startCodes are why a lifetime starts otherwise; docs/watchdog.md says what
// each means.
func startCodes() []string {
	return []string{
		"criu_unavailable", "agent_unavailable", "fetch_failed", "restore_failed", "not_ready", "hook_failed", "crashed",
	}
}

// StartCode is the code that StartReason begins with, or Planned. There are
// only a few, whatever a worker sends, so it can be the label of a metric.
func (r LifetimeRecord) StartCode() string {
	code, _, _ := strings.Cut(r.StartReason, ":")
	if slices.Contains(startCodes(), code) {
		return code
	}
	return Planned
}
