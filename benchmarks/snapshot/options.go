package main

import (
	"errors"
	"flag"
	"fmt"
	"os"
	"slices"
	"strings"
)

// options of a run.
type options struct {
	watchdog, criu, assembler string
	out, work                 string
	request                   string
	runtimes                  []string
	// functions are what is measured, by runtime.
	functions               map[string]string
	n, generations, spacing int
	// parts are what is measured after the lineage, ways how the names of what
	// is compared have to begin, env what workers get.
	parts []string
	ways  string
	env   []string
	// free lets everything run on all CPUs.
	free bool
}

// Parts of a run.
const (
	partStarts  = "starts"
	partPauses  = "pauses"
	partCPUTime = "cpu"
)

func parse(args []string) (options, error) {
	o := options{functions: map[string]string{"pypy": "bfs", "jvm": "simple-hash"}}
	var only, parts string
	flags := flag.NewFlagSet("snapshot", flag.ContinueOnError)
	flags.StringVar(&o.watchdog, "watchdog", "bin/fwatchdog", "`path` of our watchdog")
	flags.StringVar(&o.criu, "criu", os.Getenv("PRONGHORN_CRIU"), "`path` of CRIU; without it, where it is usually")
	flags.StringVar(&o.assembler, "assembler", "benchmarks/build-local.sh", "`path` of the script that assembles functions")
	flags.StringVar(&o.out, "out", "bench/snapshot.json", "`file` for the results")
	flags.StringVar(&o.work, "work", "", "`directory` for functions, cache and pool, on a disk; without it, a temporary one")
	flags.StringVar(&o.request, "request", "/?mutability=none", "`path` of the small request; this one is refused by the function itself, with 400 and without work")
	flags.StringVar(&only, "only", "", "measure only this `runtime`, pypy or jvm")
	flags.IntVar(&o.n, "n", 12, "samples of every figure")
	flags.IntVar(&o.generations, "generations", 12, "snapshots of the lineage")
	flags.IntVar(&o.spacing, "spacing", 50, "requests between two snapshots of the lineage")
	flags.StringVar(&parts, "parts", "starts,pauses,cpu", "what is measured after the lineage; what is left out has ratios of 0")
	flags.StringVar(&o.ways, "ways", "", "measure only ways whose names begin with this `text`, such as ours")
	flags.BoolVar(&o.free, "free", false, "let everything run on all CPUs")
	flags.Func("function", "measure another `RUNTIME=FUNCTION` of benchmarks/, one that needs no services; may be repeated", func(v string) error {
		runtime, name, _ := strings.Cut(v, "=")
		o.functions[runtime] = name
		return nil
	})
	flags.Func("env", "further `NAME=VALUE` in the environment of workers; may be repeated", func(v string) error {
		o.env = append(o.env, v)
		return nil
	})
	if err := flags.Parse(args); err != nil {
		return o, err
	}
	o.runtimes = []string{"pypy", "jvm"}
	if only != "" {
		o.runtimes = []string{only}
	}
	o.parts = strings.FieldsFunc(parts, func(r rune) bool { return r == ',' })
	return o, o.check(flags.Args())
}

func (o options) check(rest []string) error {
	switch {
	case len(rest) > 0:
		return fmt.Errorf("arguments %q: want flags only", rest)
	case o.n < 1 || o.generations < 1 || o.spacing < 1:
		return fmt.Errorf("n %d, generations %d, spacing %d: want 1 or more", o.n, o.generations, o.spacing)
	case slices.ContainsFunc(o.parts, func(p string) bool { return p != partStarts && p != partPauses && p != partCPUTime }):
		return fmt.Errorf("parts %q: want some of starts, pauses, cpu", o.parts)
	case slices.ContainsFunc(o.env, func(v string) bool { return !strings.Contains(v, "=") }):
		return fmt.Errorf("env %q: want NAME=VALUE", o.env)
	case !strings.HasPrefix(o.request, "/"):
		return fmt.Errorf("request %q: want a path, which starts with /", o.request)
	case slices.ContainsFunc(o.runtimes, func(r string) bool { return o.functions[r] == "" }):
		return fmt.Errorf("runtime %q: want pypy or jvm", o.runtimes)
	case len(o.functions) > 2 || o.functions["pypy"] == "" || o.functions["jvm"] == "":
		return fmt.Errorf("functions %v: want pypy=FUNCTION or jvm=FUNCTION", o.functions)
	case os.Geteuid() != 0:
		return errors.New("run it as root: workers get namespaces of their own, and CRIU needs it")
	}
	return nil
}
