// Command proxy measures what a watchdog costs a request: ours beside
// upstream's, or beside a stand-in for it, with the same function behind both.
// See docs/proxy-speed.md.
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"time"

	"github.com/pronghorn-faas/pronghorn/benchmarks/command"
)

// options of a run.
type options struct {
	ours, upstream, standIn string
	pronghorn               string
	out, only               string
	arrange                 []string
	rounds, starts          int
	round                   time.Duration
}

func main() { command.Main("proxy", run) }

func run(ctx context.Context, args []string) error {
	if len(args) > 0 && args[0] == functionRole {
		return serveFunction(args[1:])
	}
	o, err := parse(args)
	if err != nil {
		return err
	}
	r, err := measure(ctx, o)
	if err != nil {
		return err
	}
	r.print(os.Stdout)
	if err := command.WriteJSON(o.out, r); err != nil {
		return err
	}
	return r.check()
}

func parse(args []string) (options, error) {
	var o options
	var arrange string
	flags := flag.NewFlagSet("proxy", flag.ContinueOnError)
	flags.StringVar(&o.ours, "ours", "bin/fwatchdog", "`path` of our watchdog")
	flags.StringVar(&o.upstream, "upstream", os.Getenv("UPSTREAM_WATCHDOG"), "`path` of upstream's watchdog; without it the stand-in is measured")
	flags.StringVar(&o.standIn, "stand-in", "bin/proxy-stand-in", "`path` of the stand-in")
	flags.StringVar(&o.pronghorn, "pronghorn", "bin/pronghorn", "`path` of the program whose agent ours has its snapshots from; \"\" = measure without")
	flags.StringVar(&o.out, "out", "bench/proxy.json", "`file` for the results")
	flags.StringVar(&o.only, "only", "", "measure only this `case`, such as 64/small")
	flags.IntVar(&o.rounds, "rounds", 5, "rounds of every case")
	flags.IntVar(&o.starts, "starts", 5, "starts of every watchdog")
	flags.DurationVar(&o.round, "round", 2*time.Second, "length of a round")
	flags.StringVar(&arrange, "arrange", arrangedAsWorker+","+arrangedFree, "who runs where, as a `list`: worker (watchdog and function on the last CPU, the load on the first), apart (the watchdog alone on the last), free (everything everywhere)")
	if err := flags.Parse(args); err != nil {
		return o, err
	}
	if flags.NArg() > 0 || o.rounds < 1 || o.starts < 1 || o.round <= 0 {
		return o, fmt.Errorf("arguments %q: want flags only, with rounds, starts and round above 0", args)
	}
	var err error
	o.arrange, err = parseArrangements(arrange)
	return o, err
}
