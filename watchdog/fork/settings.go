// Package fork answers requests in the modes without a lasting function
// process: streaming and serializing, which start a process per request, and
// static, which serves files.
//
// A process that is started for a request reads the request's body from its
// stdin and the rest from its environment; what it writes to its stdout is the
// answer, and what it writes to its stderr goes to the log. It leads a process
// group of its own, which is killed as a whole when the request times out or
// the client goes away. What a process that ends in time leaves running in the
// background, with its stdout closed, lives on.
//
// Handlers must be given the server's own http.ResponseWriter, or one whose
// Unwrap leads to it: streaming reads and writes a connection at once, which
// only http.ResponseController can ask for.
package fork

import (
	"time"

	"github.com/pronghorn-faas/pronghorn/watchdog/access"
	"github.com/pronghorn-faas/pronghorn/watchdog/process"
)

// Settings of a handler that starts a process per request.
type Settings struct {
	// Command is the program, looked up on the PATH, and its arguments.
	Command []string
	// Environment is what the process is started with, besides the variables
	// that tell of the request; in the form of os.Environ.
	Environment []string
	// ExecTimeout bounds the run of a process; 0 = none. The header X-Timeout
	// of a request can shorten it.
	ExecTimeout time.Duration
	// ContentType of answers; "" = application/octet-stream.
	ContentType string
	// Output says where the lines that processes write to stderr go, and with
	// which prefix. Its Stdout is not used.
	Output process.Output
	// Log receives one line a request, and another that says what went wrong.
	Log access.Log
}

func (s Settings) contentType() string {
	if s.ContentType == "" {
		return "application/octet-stream"
	}
	return s.ContentType
}
