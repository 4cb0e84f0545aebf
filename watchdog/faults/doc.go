// Package faults has only tests: of what becomes of functions when a watchdog
// is killed, or what snapshots need breaks. Whatever it is, no request fails,
// nothing damaged is restored, and what was registered stays whole.
//
// The agent's own faults are tested with the agent.
package faults
