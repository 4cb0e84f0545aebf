package lifetime

import (
	"context"
	"errors"
	"io/fs"

	"github.com/pronghorn-faas/pronghorn/snapshot"
	"github.com/pronghorn-faas/pronghorn/snapshot/criu"
)

// Failure says why something of a snapshot was not done: a short code for
// metrics and the text for people. The zero Failure is none.
type Failure struct {
	Code string
	Err  error
}

// Codes of failures; they are label values of metrics.
const (
	codeNoCRIU        = "criu_unavailable"
	codeAgent         = "agent_unavailable"
	codeFetch         = "fetch_failed"
	codeRestore       = "restore_failed"
	codeNotReady      = "not_ready"
	codeHook          = "hook_failed"
	codeCrashed       = "crashed"
	codeBusy          = "busy"
	codeGivenUp       = "given_up"
	codeDump          = "dump_failed"
	codeUpload        = "upload_failed"
	codeShutdown      = "shutdown"
	codeProcessExited = "process_exited"
	codePlanned       = "planned"
)

// None reports whether nothing failed.
func (f Failure) None() bool { return f.Code == "" }

// blamesSnapshot reports whether a failed start speaks against the snapshot, so
// that others had better not try it: not if the pool could not be reached, this
// worker's disk is full, it has not got the key, or the process ids are taken. An outage of the pool would
// else cost all snapshots that workers try meanwhile. A fetch that took too long
// counts: the snapshot may be too large for where it is.
func (f Failure) blamesSnapshot() bool {
	if errors.Is(f.Err, criu.ErrIDs) {
		return false
	}
	if f.Code != codeFetch {
		return true
	}
	var local *fs.PathError
	for _, kind := range []error{snapshot.ErrCorrupt, snapshot.ErrFormat, snapshot.ErrNotExist, context.DeadlineExceeded} {
		if errors.Is(f.Err, kind) {
			return !errors.As(f.Err, &local)
		}
	}
	return false
}

func (f Failure) String() string {
	if f.None() {
		return ""
	}
	return f.Code + ": " + f.Err.Error()
}
