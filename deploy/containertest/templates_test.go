package containertest

import (
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

const templates = "../../template"

// What faas-cli asks of a repository of templates: template/ with real, lower
// case directories, each with a template.yml, a Dockerfile and a handler.
func TestTemplatesAreWhatFaasCliPulls(t *testing.T) {
	entries, err := os.ReadDir(templates)
	if err != nil {
		t.Fatal(err)
	}
	var found []string
	for _, e := range entries {
		if !e.IsDir() {
			continue
		}
		name := e.Name()
		found = append(found, name)
		t.Run(name, func(t *testing.T) {
			if name != strings.ToLower(name) {
				t.Error("faas-cli only finds templates with lower-case names")
			}
			yml, dockerfile := read(t, name, "template.yml"), read(t, name, "Dockerfile")
			if got := match(t, `(?m)^language: (.*)$`, yml); got != name {
				t.Errorf("language: %q, want %q", got, name)
			}
			match(t, `(?m)^welcome_message: \|\n  \S`, yml)
			// The one is sent by faas-cli and wins, the other is for docker run.
			if cli, image := match(t, `(?m)^fprocess: (.*)$`, yml), match(t, `fprocess="([^"]*)"`, dockerfile); cli != image {
				t.Errorf("fprocess is %q in template.yml and %q in the Dockerfile", cli, image)
			}
			if strings.Contains(dockerfile, "# syntax=") || strings.Contains(dockerfile, "<<") {
				t.Error("the Dockerfile needs a frontend that Docker would have to pull")
			}
			if files := below(t, filepath.Join(templates, name, "function")); len(files) < 2 {
				t.Errorf("function/ holds %v: want a sample handler and its test", files)
			}
		})
	}
	if want := []string{"criu-java", "criu-node", "criu-pypy"}; !slices.Equal(found, want) {
		t.Errorf("templates %v, want %v", found, want)
	}
}

func TestAssembleMakesTheTreeOfFaasCli(t *testing.T) {
	handler := t.TempDir()
	for _, file := range []string{"handler.py", ".hidden", "build/left-out", "template/left-out", "lib/kept.py"} {
		write(t, filepath.Join(handler, file), "of the handler")
	}
	if err := os.Symlink("handler.py", filepath.Join(handler, "link.py")); err != nil {
		t.Fatal(err)
	}
	tree := filepath.Join(t.TempDir(), "tree")
	write(t, filepath.Join(tree, "old"), "of an earlier build")
	assemble := exec.CommandContext(t.Context(), "../assemble.sh", templates+"/criu-pypy", handler, tree, "testdata/pypy")
	if out, err := assemble.CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	want := []string{
		"Dockerfile", "flask_function.py", "function/.hidden", "function/handler.py", "function/lib/kept.py",
		"function/link.py", "function/requirements.txt", "function/test_handler.py", "function/testdata/pypy/handler.py",
		"index.py", "snapshot_hooks.py", "template.yml",
	}
	if got := below(t, tree); !slices.Equal(got, want) {
		t.Errorf("tree %q, want %q", got, want)
	}
	if info, err := os.Lstat(filepath.Join(tree, "function/link.py")); err != nil || !info.Mode().IsRegular() {
		t.Errorf("a linked file must be copied: %v", err)
	}
	if text, _ := os.ReadFile(filepath.Join(tree, "function/handler.py")); string(text) != "of the handler" {
		t.Errorf("function/handler.py is %q: the handler must lie over the sample", text)
	}
}

func read(t *testing.T, template, file string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(templates, template, file))
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// match is the first group of the expression, or all of it, in text.
func match(t *testing.T, expression, text string) string {
	t.Helper()
	groups := regexp.MustCompile(expression).FindStringSubmatch(text)
	if groups == nil {
		t.Fatalf("nothing matches %s in\n%s", expression, text)
	}
	return groups[len(groups)-1]
}

// below are the paths of all files in a directory, sorted.
func below(t *testing.T, dir string) []string {
	t.Helper()
	var files []string
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err == nil && !d.IsDir() && !strings.Contains(path, "__pycache__") {
			rel, _ := filepath.Rel(dir, path)
			files = append(files, rel)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	slices.Sort(files)
	return files
}

func write(t *testing.T, path, text string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
}
