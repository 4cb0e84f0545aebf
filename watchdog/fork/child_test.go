package fork

import (
	"io"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/pronghorn-faas/pronghorn/watchdog/process"
)

func TestGroupIsKilledWithoutAHandle(t *testing.T) {
	s := Settings{Command: []string{"sleep", "300"}, Output: process.Output{Stderr: io.Discard}}
	c, err := s.start(nil)
	if err != nil {
		t.Fatal(err)
	}
	defer c.close()
	_ = unix.Close(c.handle) // as on kernels that give none
	c.handle = -1
	c.kill()
	select {
	case <-c.exited:
	case <-time.After(5 * time.Second):
		t.Fatal("the process is still there")
	}
}

func TestClosedChildIsNotKilled(t *testing.T) {
	s := Settings{Command: []string{"cat"}, Output: process.Output{Stderr: io.Discard}}
	c, err := s.start(nil)
	if err != nil {
		t.Fatal(err)
	}
	c.close() // also closes its stdin, which is why it ends
	c.kill()
	if err := c.wait(); err != nil {
		t.Errorf("it ended with %v, want by itself", err)
	}
}
