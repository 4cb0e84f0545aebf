package policy

// ExpectedLatency is the mean latency, in µs, of the requests that a lifetime
// which starts at a request number would serve, by the table as it is: of the
// slots that have been seen. It is not ok where none has.
func (s State) ExpectedLatency(requestNumber int) (us float64, ok bool) {
	w := len(s.Latencies)
	from := min(max(requestNumber, 0), w)
	var total sum
	n := 0
	for _, theta := range s.Latencies[from:min(from+s.horizon(), w)] {
		if seen(theta) {
			total.add(theta)
			n++
		}
	}
	if n == 0 {
		return 0, false
	}
	return total.value() / float64(n), true
}

// ExpectedOf is the mean of ExpectedLatency over ways to start, weighed by
// their probabilities; those of which nothing is known are left out.
func (s State) ExpectedOf(options []StartOption) (us float64, ok bool) {
	var total, known float64
	for _, o := range options {
		if us, ok := s.ExpectedLatency(o.RequestNumber); ok {
			total += o.Probability * us
			known += o.Probability
		}
	}
	if known <= 0 {
		return 0, false
	}
	return total / known, true
}
