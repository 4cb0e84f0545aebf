package monitoring

import (
	"os"
	"testing"

	"github.com/pronghorn-faas/pronghorn/internal/sandbox"
)

func TestMain(m *testing.M) {
	sandbox.Init()
	os.Exit(m.Run())
}
