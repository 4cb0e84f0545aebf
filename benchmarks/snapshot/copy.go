package main

import "time"

// copies measures copying as many bytes as an image's pages have, in memory
// that has been touched: what a dump cannot be quicker than.
func copies(n int, bytes int64) []float64 {
	from, to := make([]byte, bytes), make([]byte, bytes)
	for i := range from {
		from[i] = byte(i)
	}
	copy(to, from)
	var took []float64
	for range n {
		begin := time.Now()
		copy(to, from)
		took = append(took, milliseconds(time.Since(begin)))
	}
	return took
}
