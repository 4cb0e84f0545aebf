package child_test

import (
	"os/exec"
	"runtime"
	"testing"
	"time"

	"github.com/pronghorn-faas/pronghorn/internal/child"
)

func TestAProgramOutlivesTheThreadThatAskedForIt(t *testing.T) {
	cmd := exec.Command("sleep", "60")
	asked := make(chan struct{})
	var ended <-chan struct{}
	var err error
	go func() {
		defer close(asked)
		runtime.LockOSThread() // to the end, with which the thread goes
		ended, err = child.Start(cmd)
	}()
	<-asked
	if err != nil {
		t.Fatal(err)
	}
	select {
	case <-ended:
		t.Errorf("the program ended with the thread: %v", cmd.ProcessState)
	case <-time.After(200 * time.Millisecond):
	}
	_ = cmd.Process.Kill() // an error shows below
	select {
	case <-ended:
	case <-time.After(10 * time.Second):
		t.Error("the end of a killed program is not told")
	}
}

func TestAProgramThatIsNotThereIsAnError(t *testing.T) {
	if _, err := child.Start(exec.Command("/no/such/program")); err == nil {
		t.Error("no error")
	}
}
