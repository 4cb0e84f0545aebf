package policy

// Score is what the paper's policy weighs a start at a request number by: the
// mean of 10⁶/(θ+1) over the requests that the lifetime would serve.
func (s State) Score(requestNumber int) float64 {
	return newScores(s.Latencies, s.horizon()).at(requestNumber)
}
