package policy

// sumWindows replaces every value by the sum of the n values that begin with
// it, or of those that are left where fewer are.
//
// A probability is exp of a difference of scores of up to 10⁶, so the scores
// must be good to the last bits, also where a weight of 10⁶ stands next to one
// of 0.5. Differences of prefix sums are not. Here nothing is subtracted: the
// values are cut into blocks of n, and a window is the end of one block plus
// the beginning of the next (van Herk and Gil-Werman), each added up with
// compensation.
func sumWindows(values []float64, n int) {
	for start := 0; start < len(values); start += n {
		block := values[start:min(start+n, len(values))]
		if start > 0 {
			addHeads(values[start-n+1:start], block)
		}
		sumTails(block)
	}
}

// addHeads adds to each window that reaches from the previous block into this
// one what it covers here: windows[i] covers block[:i+1].
func addHeads(windows, block []float64) {
	var head sum
	for i := range windows {
		if i < len(block) {
			head.add(block[i])
		}
		windows[i] += head.value()
	}
}

// sumTails replaces every value by the sum from it to the end of the block.
func sumTails(block []float64) {
	var tail sum
	for i := len(block) - 1; i >= 0; i-- {
		tail.add(block[i])
		block[i] = tail.value()
	}
}

// sum adds up with the rounding errors kept aside (Knuth's TwoSum): its value
// is within a few units in the last place of the exact one.
type sum struct{ rounded, lost float64 }

func (s *sum) add(x float64) {
	total := s.rounded + x
	added := total - s.rounded
	s.lost += (s.rounded - (total - added)) + (x - added)
	s.rounded = total
}

func (s *sum) value() float64 { return s.rounded + s.lost }
