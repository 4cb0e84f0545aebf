package criu

import (
	"os"
	"slices"
	"testing"
)

func TestEnvironmentOfADumpIsOursAndMore(t *testing.T) {
	t.Setenv("LD_BIND_NOW", "")
	env := NewEngine(Binary{}).dumpEnv()
	for _, want := range []string{"PATH=" + os.Getenv("PATH"), "LD_BIND_NOW=1", "GNUTLS_NO_IMPLICIT_INIT=1"} {
		if !slices.Contains(env, want) {
			t.Errorf("%s is not in %q", want, env)
		}
	}
	if slices.Index(env, "LD_BIND_NOW=") > slices.Index(env, "LD_BIND_NOW=1") {
		t.Error("ours comes after, and counts")
	}
}
