package harness

import (
	"strings"
	"testing"
)

func TestUnknownServicesAreRefused(t *testing.T) {
	s := newServices(t.TempDir())
	err := s.start(t.Context(), []string{"telegraph"})
	if err == nil || !strings.Contains(err.Error(), `"telegraph": want one of [objects s3]`) {
		t.Errorf("error %v, want one that names it and those there are", err)
	}
}

// TestMissingStoreIsExplained wants to know where MinIO comes from.
func TestMissingStoreIsExplained(t *testing.T) {
	t.Setenv("PRONGHORN_PREFIX", t.TempDir())
	t.Setenv("PATH", t.TempDir())
	err := newServices(t.TempDir()).start(t.Context(), []string{"s3"})
	if err == nil || !strings.Contains(err.Error(), "scripts/setup.sh minio") {
		t.Errorf("error %v, want one that says what to do", err)
	}
}
