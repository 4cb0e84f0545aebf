package minioserver

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
)

// Find returns the path of MinIO: where scripts/setup.sh keeps it, or on the
// PATH.
func Find() (string, error) {
	prefix := os.Getenv("PRONGHORN_PREFIX")
	if prefix == "" {
		prefix = "/opt/pronghorn"
	}
	path := filepath.Join(prefix, "bin", "minio")
	if info, err := os.Stat(path); err == nil && info.Mode().IsRegular() {
		return path, nil
	}
	path, err := exec.LookPath("minio")
	if err != nil {
		return "", fmt.Errorf("MinIO is not installed: run scripts/setup.sh minio: %w", err)
	}
	return path, nil
}
