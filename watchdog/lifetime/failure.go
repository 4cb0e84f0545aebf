package lifetime

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

func (f Failure) String() string {
	if f.None() {
		return ""
	}
	return f.Code + ": " + f.Err.Error()
}
