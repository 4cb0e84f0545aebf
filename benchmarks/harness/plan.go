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

// Step is a part of the run: a configuration is sent requests until so many
// are done.
type Step struct {
	Configuration
	Until int
}

// Steps returns the run in its order. Blocks, each of the strategies that are
// compared with each other, are shuffled. A block goes through its strategies
// in a random order, each with half of its requests, and then back again with
// the other half: a machine that becomes slower or faster on the way is so to
// all of them alike.
func (c Config) Steps() []Step {
	rng := rand.New(rand.NewPCG(c.Seed, 0))
	var blocks [][]Configuration
	for _, function := range c.Functions {
		for _, rate := range c.Rates {
			blocks = append(blocks, c.block(rng, function, rate))
		}
	}
	rng.Shuffle(len(blocks), func(i, j int) { blocks[i], blocks[j] = blocks[j], blocks[i] })
	var all []Step
	for _, b := range blocks {
		all = append(all, c.thereAndBack(b)...)
	}
	return all
}

func (c Config) block(rng *rand.Rand, function string, rate int) []Configuration {
	strategies := c.Strategies
	if c.MoreRates == nil || slices.Contains(c.MoreRates, rate) {
		strategies = slices.Concat(strategies, c.More[function])
	}
	block := make([]Configuration, len(strategies))
	for i, at := range rng.Perm(len(strategies)) {
		block[i] = Configuration{function, strategies[at], rate}
	}
	return block
}

// thereAndBack are the steps of a block. The way there ends at the end of a
// lifetime, and the configuration at the turn goes on without a break. Behind a
// gateway there is one state for a function, so its configurations are run one
// after the other.
func (c Config) thereAndBack(block []Configuration) []Step {
	var there, back []Step
	last := len(block) - 1
	for i, cell := range block {
		n := c.requests(cell)
		if half := n / 2 / cell.Rate * cell.Rate; half > 0 && i < last && c.Gateway == nil {
			there = append(there, Step{cell, half})
		}
		back = append(back, Step{cell, n})
	}
	if c.Gateway == nil {
		slices.Reverse(back)
	}
	return append(there, back...)
}
