package harness

import (
	"fmt"
	"hash/fnv"
	"math/rand/v2"
	"regexp"
	"slices"
)

// Configuration is one function with one strategy at one eviction rate.
type Configuration struct {
	Function string
	Strategy string
	// Rate is the number of requests that a lifetime serves.
	Rate int
}

func (c Configuration) String() string {
	return fmt.Sprintf("%s, rate %d, %s", c.Function, c.Rate, c.Strategy)
}

// name is the configuration's name in paths and keys.
func (c Configuration) name() string {
	plain := regexp.MustCompile(`[^A-Za-z0-9_.]+`).ReplaceAllString(c.Strategy, "-")
	return fmt.Sprintf("%s-rate%d-%s", c.Function, c.Rate, plain)
}

// seed makes the draws of a configuration its own, whatever ran before it, and
// those after an interruption others than those before it.
func (c Configuration) seed(run uint64, done int) uint64 {
	h := fnv.New64a()
	fmt.Fprintf(h, "%d %s %d", run, c.name(), done)
	return h.Sum64()
}

// Plan returns the configurations of the run and their numbers of requests, in
// the order in which they run.
func (c Config) Plan() []Planned {
	var all []Planned
	for _, cell := range c.plan() {
		all = append(all, Planned{cell, c.requests(cell)})
	}
	return all
}

// Planned is a configuration and how many requests it is to be sent.
type Planned struct {
	Configuration
	Requests int
}

// plan returns the configurations in the order in which they run: shuffled, so
// that a machine that becomes slower or faster favours nobody, but the
// strategies that are compared with each other one right after the other.
func (c Config) plan() []Configuration {
	rng := rand.New(rand.NewPCG(c.Seed, 0))
	var blocks [][]Configuration
	for _, function := range c.Functions {
		for _, rate := range c.Rates {
			blocks = append(blocks, c.block(rng, function, rate))
		}
	}
	rng.Shuffle(len(blocks), func(i, j int) { blocks[i], blocks[j] = blocks[j], blocks[i] })
	var all []Configuration
	for _, b := range blocks {
		all = append(all, b...)
	}
	return all
}

func (c Config) block(rng *rand.Rand, function string, rate int) []Configuration {
	strategies := slices.Concat(c.Strategies, c.More[function])
	block := make([]Configuration, len(strategies))
	for i, at := range rng.Perm(len(strategies)) {
		block[i] = Configuration{function, strategies[at], rate}
	}
	return block
}
