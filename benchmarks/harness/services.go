package harness

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"slices"

	"github.com/pronghorn-faas/pronghorn/benchmarks/resources"
)

// Addresses of the services inside a worker's sandbox. A function keeps them in
// its memory, and so do its snapshots: they must be the same when a run goes on.
const (
	storeInside   = "127.0.0.2:9000"
	objectsInside = "127.0.0.2:8000"
)

// service is a server that functions talk to.
type service struct {
	inside, host string // its addresses in the sandbox and here
	// env is what tells the function of it.
	env   []string
	close func() error
}

// services are those that run, by name. They serve all configurations of a run.
type services struct {
	dir     string
	running map[string]service
}

// newServices returns services that are to keep their data below a directory.
func newServices(work string) *services {
	return &services{dir: filepath.Join(work, "services"), running: make(map[string]service)}
}

// start starts the services of these names, if they do not run yet.
func (s *services) start(ctx context.Context, names []string) error {
	starters := map[string]func(context.Context) (service, error){"s3": s.startStore, "objects": s.startObjects}
	for _, name := range names {
		if _, runs := s.running[name]; runs {
			continue
		}
		starter, known := starters[name]
		if !known {
			return fmt.Errorf("service %q: want one of %v", name, slices.Sorted(maps.Keys(starters)))
		}
		started, err := starter(ctx)
		if err != nil {
			return fmt.Errorf("service %s: %w", name, err)
		}
		s.running[name] = started
	}
	return nil
}

// of returns running services by their names.
func (s *services) of(names []string) []service {
	var list []service
	for _, name := range names {
		list = append(list, s.running[name])
	}
	return list
}

// close ends the services and removes their data.
func (s *services) close() error {
	var errs []error
	for _, running := range s.running {
		errs = append(errs, running.close())
	}
	return errors.Join(append(errs, os.RemoveAll(s.dir))...)
}

// startObjects starts the server that upload fetches from.
func (s *services) startObjects(context.Context) (service, error) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return service{}, err
	}
	server := &http.Server{Handler: resources.Objects()}
	go func() { _ = server.Serve(ln) }() // ends when it is closed
	return service{
		inside: objectsInside, host: ln.Addr().String(),
		env:   []string{"source_url=http://" + objectsInside},
		close: server.Close,
	}, nil
}
