package machine

import (
	"os"
	"path/filepath"
	"testing"
)

func TestDescriptionOfThisMachine(t *testing.T) {
	talker := filepath.Join(t.TempDir(), "talker")
	if err := os.WriteFile(talker, []byte("#!/bin/sh\necho 'Picked up JAVA_OPTIONS: -Xmx1m' >&2\necho talker\necho \"version $1\" >&2\n"), 0o755); err != nil {
		t.Fatal(err)
	}
	d := Describe(t.Context(), map[string]Program{"talker": {talker, []string{"4.2"}}, "gone": {"/no/such/program", nil}})
	if len(d.Software) != 1 || d.Software["talker"] != "version 4.2" {
		t.Errorf("software %v, want the version of the one that is there", d.Software)
	}
	if d.MemoryBytes < 1<<24 || d.CPUs < 1 || d.Kernel == "" || d.System == "" || d.Begun.IsZero() {
		t.Errorf("%+v: want memory, CPUs, kernel, system and time", d)
	}
}
