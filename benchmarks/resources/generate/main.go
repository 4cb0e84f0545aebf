// Generate makes the resources of benchmark functions, or serves the files
// that the function upload fetches:
//
//	generate DIR NAME…       writes the resources to DIR; what is there stays
//	generate --serve ADDR    serves /1, /2 and /3
package main

import (
	"fmt"
	"net/http"
	"os"
	"strings"
	"time"

	"github.com/pronghorn-faas/pronghorn/benchmarks/resources"
)

func main() {
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "generate:", err)
		os.Exit(1)
	}
}

func run(args []string) error {
	switch {
	case len(args) == 2 && args[0] == "--serve":
		server := http.Server{Addr: args[1], Handler: resources.Objects(), ReadHeaderTimeout: 10 * time.Second}
		return server.ListenAndServe()
	case len(args) < 2:
		return fmt.Errorf("usage: generate DIR NAME… | generate --serve ADDR; names: %s", strings.Join(resources.Names(), ", "))
	}
	return resources.Write(args[0], args[1:]...)
}
