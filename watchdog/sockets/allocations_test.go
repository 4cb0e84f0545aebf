//go:build !race

package sockets_test

import "testing"

func TestReadingAndWritingAllocateNothing(t *testing.T) {
	c, peer := pair(t)
	buf := make([]byte, 1)
	allocated := testing.AllocsPerRun(100, func() {
		_, _ = c.Write(buf)
		_, _ = peer.Read(buf)
		_, _ = peer.Write(buf)
		_, _ = c.Read(buf)
		_ = c.Silent()
	})
	if allocated > 0 {
		t.Errorf("%v allocations", allocated)
	}
}
