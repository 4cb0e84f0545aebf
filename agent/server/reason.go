package server

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/pronghorn-faas/pronghorn/policy"
)

// maxExcerpt is how much of a text that a worker sent goes into a reason, in
// bytes; maxID how much of an id.
const (
	maxExcerpt = 300
	maxID      = 8
)

// startReason says why a lifetime starts as it does.
func startReason(v view, options []policy.StartOption, chosen policy.StartOption) string {
	return chosenStart(chosen) + ": " + startChoice(v, options, chosen) + leftOut(v)
}

func chosenStart(chosen policy.StartOption) string {
	if chosen.ID == "" {
		return "cold"
	}
	return fmt.Sprintf("restored %s at request %d", shortID(chosen.ID), chosen.RequestNumber)
}

func startChoice(v view, options []policy.StartOption, chosen policy.StartOption) string {
	switch {
	case len(v.usable) == 0:
		return "no usable snapshot for this platform"
	case len(options) == 1:
		return "the strategy's only choice, with " + count(len(v.usable), "snapshot") + " in the pool"
	}
	return "drawn with probability " + probability(chosen.Probability) + " among " + choices(options)
}

func choices(options []policy.StartOption) string {
	for _, o := range options {
		if o.ID == "" {
			return count(len(options)-1, "snapshot") + " and cold"
		}
	}
	return count(len(options), "snapshot")
}

// leftOut names the snapshots that were not to be had.
func leftOut(v view) string {
	var parts []string
	if n := len(v.quarantined); n > 0 {
		parts = append(parts, fmt.Sprintf("%d quarantined", n))
	}
	if n := len(v.locked); n > 0 {
		parts = append(parts, fmt.Sprintf("%d that need other keys", n))
	}
	if v.foreign > 0 {
		parts = append(parts, fmt.Sprintf("%d of other platforms", v.foreign))
	}
	if parts == nil {
		return ""
	}
	return " (" + strings.Join(parts, ", ") + " left out)"
}

// checkpointReason says why the checkpoint is taken where it is.
func checkpointReason(options []policy.CheckpointOption, at, requestNumber int) string {
	switch len(options) {
	case 0:
		return fmt.Sprintf("no checkpoint: the strategy wants none past request %d", requestNumber)
	case 1:
		return fmt.Sprintf("checkpoint after request %d: the strategy's only choice", at)
	}
	var p float64
	for _, o := range options {
		if o.RequestNumber == at {
			p += o.Probability
		}
	}
	return fmt.Sprintf("checkpoint after request %d: drawn with probability %s among %s",
		at, probability(p), count(len(options), "request number"))
}

func count(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return strconv.Itoa(n) + " " + what + "s"
}

func probability(p float64) string { return strconv.FormatFloat(p, 'g', 2, 64) }

// shortID is enough of an id for a reader to tell it from the others.
func shortID(id string) string {
	if len(id) <= maxID {
		return id
	}
	return id[:maxID] + "…"
}

func excerpt(text string) string {
	if len(text) <= maxExcerpt {
		return text
	}
	return strings.ToValidUTF8(text[:maxExcerpt], "") + "…"
}
