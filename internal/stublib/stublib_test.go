package stublib_test

import (
	"debug/elf"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/pronghorn-faas/pronghorn/internal/require"
	"github.com/pronghorn-faas/pronghorn/internal/stublib"
)

// library is one with functions and a variable, in two versions.
var sources = map[string]string{
	"real.c":   "int one(void) { return 1; } int two(void) { return 2; } long three = 3; int four(void) { return 4; }\n",
	"real.map": "V_1 { global: one; three; local: *; };\nV_2 { global: two; } V_1;\n",
	"main.c": "#include <stdio.h>\nint one(void); int two(void); extern long three;\n" +
		"int main(void) { printf(\"%d %d %ld\\n\", one(), two(), three); return 0; }\n",
}

// program builds a program that is linked with libreal.so, and returns both.
func program(t *testing.T) (prog, lib string) {
	t.Helper()
	cc := require.Program(t, "cc", "cc")
	dir := t.TempDir()
	for name, text := range sources {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for _, args := range []string{
		"-shared -fPIC -Wl,-soname,libreal.so -Wl,--version-script=real.map -o libreal.so real.c",
		"-o main main.c libreal.so",
	} {
		cmd := exec.Command(cc, strings.Fields(args)...)
		cmd.Dir = dir
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("%v\n%s", err, out)
		}
	}
	return filepath.Join(dir, "main"), filepath.Join(dir, "libreal.so")
}

func output(t *testing.T, prog, libraries string) string {
	t.Helper()
	cmd := exec.Command(prog)
	cmd.Env = []string{"LD_LIBRARY_PATH=" + libraries, "LD_BIND_NOW=1"}
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	return string(out)
}

func TestProgramRunsWithTheStandIn(t *testing.T) {
	prog, lib := program(t)
	if got := output(t, prog, filepath.Dir(lib)); got != "1 2 3\n" {
		t.Fatalf("with the library it says %q", got)
	}
	l, err := stublib.For(prog, "libreal.so")
	if err != nil {
		t.Fatal(err)
	}
	raw, err := l.Bytes()
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "libreal.so"), raw, 0o600); err != nil {
		t.Fatal(err)
	}
	if got := output(t, prog, dir); got != "-1 -1 0\n" {
		t.Errorf("with the stand-in it says %q, want -1 of the functions and 0 in the variable", got)
	}
}

func TestOnlyWhatTheProgramWantsIsThere(t *testing.T) {
	prog, _ := program(t)
	if names, err := stublib.Needs(prog); err != nil || !slices.Contains(names, "libreal.so") {
		t.Errorf("it needs %q (%v), want libreal.so among them", names, err)
	}
	l, err := stublib.For(prog, "libreal.so")
	if err != nil {
		t.Fatal(err)
	}
	got := map[string]string{}
	for _, s := range l.Symbols {
		got[s.Name] = s.Version
	}
	if len(got) != 3 || got["one"] != "V_1" || got["two"] != "V_2" || got["three"] != "V_1" {
		t.Errorf("got %v", got)
	}
}

func TestMistakesAreNamed(t *testing.T) {
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	if _, err := stublib.For(self, "libnone.so.1"); err == nil || !strings.Contains(err.Error(), "libnone.so.1") {
		t.Errorf("of a library that is not asked for: %v", err)
	}
	if _, err := stublib.For("/no/such/program", "libnone.so.1"); err == nil {
		t.Error("of a program that is not there: no error")
	}
	if _, err := (stublib.Library{Name: "x", Machine: elf.EM_RISCV}).Bytes(); err == nil || !strings.Contains(err.Error(), "EM_RISCV") {
		t.Errorf("for a machine without code: %v", err)
	}
}
