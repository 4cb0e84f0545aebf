package main

import (
	"fmt"
	"io"
	"net"
	"net/http"
	"strconv"
	"time"

	"github.com/pronghorn-faas/pronghorn/benchmarks/machine"
)

// functionRole is the argument that makes this program the function.
const functionRole = "function"

// megabyte is the size of the large bodies.
const megabyte = 1 << 20

// serveFunction is the function: ADDR CPU, with a negative CPU for all. A GET
// is answered with two bytes, a POST with as many as were sent, up to 1 MiB.
func serveFunction(args []string) error {
	if len(args) != 2 {
		return fmt.Errorf("function %q: want ADDR CPU", args)
	}
	cpu, err := strconv.Atoi(args[1])
	if err != nil {
		return fmt.Errorf("function's CPU %q: want a number", args[1])
	}
	if err := machine.Pin(cpu); err != nil {
		return err
	}
	ln, err := net.Listen("tcp", args[0])
	if err != nil {
		return err
	}
	s := &http.Server{Handler: newFunction(), ReadHeaderTimeout: time.Minute}
	return s.Serve(ln)
}

// function is trivial on purpose; it does not even allocate its large answers,
// since its garbage would be collected on the CPU of the load.
type function struct{ large []byte }

func newFunction() function { return function{make([]byte, megabyte)} }

func (f function) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.Method != http.MethodPost {
		_, _ = io.WriteString(w, "ok")
		return
	}
	n, err := io.Copy(io.Discard, r.Body)
	if err != nil {
		return // whoever sent it has gone
	}
	if n > int64(len(f.large)) {
		http.Error(w, fmt.Sprintf("%d bytes: want %d at most", n, len(f.large)), http.StatusRequestEntityTooLarge)
		return
	}
	w.Header().Set("Content-Length", strconv.FormatInt(n, 10))
	_, _ = w.Write(f.large[:n])
}
