package conformance_test

import (
	"io/fs"
	"os"
	"path"
	"regexp"
	"strings"
	"testing"
)

// page lists the deviations for people.
const page = "../../docs/compatibility.md"

// sources are the test files of the watchdog, joined.
func sources(t *testing.T, dir string) string {
	t.Helper()
	var all strings.Builder
	tree := os.DirFS(dir)
	err := fs.WalkDir(tree, ".", func(name string, _ fs.DirEntry, err error) error {
		if err != nil || !strings.HasSuffix(name, "_test.go") {
			return err
		}
		text, err := fs.ReadFile(tree, name)
		all.Write(text)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return all.String()
}

func documented(t *testing.T) string {
	t.Helper()
	text, err := os.ReadFile(page)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

func TestPageNamesTestsThatExist(t *testing.T) {
	code := sources(t, "..")
	names := regexp.MustCompile("`(Test[^`]+)`").FindAllStringSubmatch(documented(t), -1)
	if len(names) == 0 {
		t.Fatalf("%s names no test", path.Base(page))
	}
	for _, name := range names {
		function, claim, hasClaim := strings.Cut(name[1], "/")
		if !strings.Contains(code, "func "+function+"(") {
			t.Errorf("there is no %s", function)
		}
		if hasClaim && !strings.Contains(code, `"`+claim+`"`) {
			t.Errorf("%s has no case %q", function, claim)
		}
	}
}

func TestPageNamesTestsThatDeviate(t *testing.T) {
	text := documented(t)
	deviates := regexp.MustCompile(`deviates\(t, "|deviation: +"`)
	for _, function := range strings.Split(sources(t, "."), "\nfunc ")[1:] {
		name, _, _ := strings.Cut(function, "(")
		if strings.HasPrefix(name, "Test") && deviates.MatchString(function) && !strings.Contains(text, "`"+name) {
			t.Errorf("%s deviates and does not stand in %s", name, path.Base(page))
		}
	}
}
