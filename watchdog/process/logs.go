package process

import (
	"bufio"
	"bytes"
	"io"
	"os"
	"sync"
	"time"
)

// Output is where the function's lines go.
type Output struct {
	Stdout, Stderr io.Writer
	// Prefix puts the time and "stdout: " or "stderr: " in front of each line.
	Prefix bool
	// Now gives the time of the prefix; nil = time.Now.
	Now func() time.Time
}

// logs are the two pipes that a function writes to and what reads them.
type logs struct {
	stdout, stderr pipe
	readers        sync.WaitGroup
}

type pipe struct{ r, w *os.File }

// drainTime bounds how long the output of an ended process is waited for:
// a descendant that escaped may hold the pipe for ever.
const drainTime = time.Second

func newLogs(out Output) (*logs, error) {
	l := &logs{}
	var err error
	if l.stdout.r, l.stdout.w, err = os.Pipe(); err != nil {
		return nil, err
	}
	if l.stderr.r, l.stderr.w, err = os.Pipe(); err != nil {
		l.stdout.close()
		return nil, err
	}
	l.readers.Go(func() { passOn(l.stdout.r, out.Stdout, out.prefix("stdout: ")) })
	l.readers.Go(func() { out.CopyStderr(l.stderr.r) })
	return l, nil
}

// started closes our copies of the write ends: the process has its own.
func (l *logs) started() {
	_ = l.stdout.w.Close()
	_ = l.stderr.w.Close()
}

// drain waits until everything that an ended process wrote has been passed on.
func (l *logs) drain() {
	deadline := time.Now().Add(drainTime)
	_ = l.stdout.r.SetReadDeadline(deadline)
	_ = l.stderr.r.SetReadDeadline(deadline)
	l.readers.Wait()
	_ = l.stdout.r.Close()
	_ = l.stderr.r.Close()
}

// abandon closes the pipes of a process that never started.
func (l *logs) abandon() {
	l.started()
	l.drain()
}

func (p pipe) close() {
	_ = p.r.Close()
	_ = p.w.Close()
}

func (o Output) prefix(name string) func() string {
	if !o.Prefix {
		return func() string { return "" }
	}
	now := o.Now
	if now == nil {
		now = time.Now
	}
	return func() string { return now().Format("2006/01/02 15:04:05 ") + name }
}

// CopyStderr passes the lines that a process writes to its stderr on to
// o.Stderr until from ends.
func (o Output) CopyStderr(from io.Reader) { passOn(from, o.Stderr, o.prefix("stderr: ")) }

// logBuffer is how much of a line is passed on at once, in bytes. A longer
// line comes in pieces, and never stops the reading: a full pipe would block
// the function.
const logBuffer = 64 << 10

func passOn(from io.Reader, to io.Writer, prefix func() string) {
	lines := bufio.NewScanner(from) // its buffer starts small, and few lines are long
	lines.Buffer(nil, logBuffer)
	lines.Split(pieces)
	begin := true
	for lines.Scan() {
		piece := lines.Bytes()
		if begin {
			piece = append([]byte(prefix()), piece...)
		}
		_, _ = to.Write(piece) // there is nowhere left to complain
		begin = piece[len(piece)-1] == '\n'
	}
	if !begin {
		_, _ = to.Write([]byte{'\n'}) // the next line is somebody else's
	}
}

// pieces splits what a function writes into lines, their ends included, of
// logBuffer bytes at most.
func pieces(data []byte, atEnd bool) (advance int, piece []byte, err error) {
	length := bytes.IndexByte(data, '\n') + 1
	if length == 0 && (atEnd || len(data) == logBuffer) {
		length = len(data)
	}
	if length == 0 {
		return 0, nil, nil // there is more to come
	}
	return length, data[:length], nil
}
