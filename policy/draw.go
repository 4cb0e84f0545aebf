package policy

// DrawStart draws one of the options by their probabilities; a cold start if
// there are none. An option of probability 0 is never drawn.
func DrawStart(opts []StartOption, r Rand) StartOption {
	i := draw(len(opts), func(i int) float64 { return opts[i].Probability }, r)
	if i < 0 {
		return StartOption{Probability: 1}
	}
	return opts[i]
}

// DrawCheckpoint draws the request number to checkpoint at by the options'
// probabilities; ok is false if there are none: no checkpoint.
func DrawCheckpoint(opts []CheckpointOption, r Rand) (requestNumber int, ok bool) {
	i := draw(len(opts), func(i int) float64 { return opts[i].Probability }, r)
	if i < 0 {
		return 0, false
	}
	return opts[i].RequestNumber, true
}

// draw returns the index at which the running total of the probabilities passes
// a random number, or -1 if nothing can be drawn. Rounding may leave the total
// a little below 1: the last option that is possible takes the rest.
func draw(n int, probability func(int) float64, r Rand) int {
	if n == 0 {
		return -1
	}
	u := r.Float64()
	drawn := -1
	var total float64
	for i := range n {
		p := probability(i)
		if p <= 0 {
			continue
		}
		drawn = i
		if total += p; u < total {
			break
		}
	}
	return drawn
}
