// Package require lets a test ask for a real component: the test is skipped
// where the component is missing or only short tests are wanted (go test
// -short), and fails where PRONGHORN_REQUIRE names it, as it does under .ci/run.
package require

import (
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// Prefix is where scripts/setup.sh keeps what no package manager has.
func Prefix() string {
	if p := os.Getenv("PRONGHORN_PREFIX"); p != "" {
		return p
	}
	return "/opt/pronghorn"
}

// Root asks for root and for the right to make namespaces.
func Root(t testing.TB) {
	t.Helper()
	skipShort(t)
	if os.Geteuid() != 0 {
		missing(t, "root", "this test needs root")
	}
}

// Program returns the path of a program; component is what PRONGHORN_REQUIRE
// calls it ("redis", "minio", "pypy", "jvm").
func Program(t testing.TB, component, name string) string {
	t.Helper()
	skipShort(t)
	if path := filepath.Join(Prefix(), "bin", name); isFile(path) {
		return path
	}
	path, err := exec.LookPath(name)
	if err != nil {
		missing(t, component, name+" is not installed: run scripts/setup.sh "+component)
	}
	return path
}

// Component fails or skips the test unless ok; why says what to do about it.
func Component(t testing.TB, component string, ok bool, why string) {
	t.Helper()
	skipShort(t)
	if !ok {
		missing(t, component, why)
	}
}

// Asked skips a test that is too heavy to run because its component happens to
// be there: PRONGHORN_REQUIRE has to name it. how says how it is run.
func Asked(t testing.TB, component, how string) {
	t.Helper()
	skipShort(t)
	if !slices.Contains(required(), component) {
		t.Skip(how)
	}
}

func skipShort(t testing.TB) {
	t.Helper()
	if testing.Short() {
		t.Skip("a short run leaves out what needs real components")
	}
}

func missing(t testing.TB, component, why string) {
	t.Helper()
	if slices.Contains(required(), component) || slices.Contains(required(), "all") {
		t.Fatalf("%s is required here, but %s", component, why)
	}
	t.Skipf("no %s: %s", component, why)
}

func required() []string { return strings.Split(os.Getenv("PRONGHORN_REQUIRE"), ",") }

func isFile(path string) bool {
	info, err := os.Stat(path)
	return err == nil && info.Mode().IsRegular()
}
