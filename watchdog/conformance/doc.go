// Package conformance is a black-box suite for watchdogs of OpenFaaS functions:
// it starts the program as the first process of a sandbox, with real functions
// behind it, and looks at it only through its sockets, its output, its files
// and its exit code.
//
// The cases are tables keyed by the claim. Where this project's watchdog
// differs from upstream's of-watchdog on purpose, the case says in its field
// "deviation" what upstream does; docs/compatibility.md lists the reasons.
//
//	go test ./watchdog/conformance                         # builds fwatchdog
//	WATCHDOG_BIN=/path/to/fwatchdog go test ./watchdog/conformance
//	WATCHDOG_BIN=/path/to/of-watchdog WATCHDOG_UPSTREAM=yes go test ./watchdog/conformance
//
// With WATCHDOG_UPSTREAM=yes a case with a deviation asserts what upstream
// does, or, where only words say that, is skipped with them.
package conformance
