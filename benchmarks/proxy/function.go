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
// is answered with two bytes, a POST with as many as were sent.
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
	s := &http.Server{Handler: http.HandlerFunc(function), ReadHeaderTimeout: time.Minute}
	return s.Serve(ln)
}

func function(w http.ResponseWriter, r *http.Request) {
	if r.Method != http.MethodPost {
		_, _ = io.WriteString(w, "ok")
		return
	}
	n, err := io.Copy(io.Discard, r.Body)
	if err != nil {
		return // whoever sent it has gone
	}
	w.Header().Set("Content-Length", strconv.FormatInt(n, 10))
	_, _ = w.Write(make([]byte, n))
}
