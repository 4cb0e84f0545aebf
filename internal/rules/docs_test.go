package rules_test

import (
	"io/fs"
	"os"
	"regexp"
	"strings"
	"testing"
)

// pagesOfClaims are the pages that name a test for what they claim.
var pagesOfClaims = []string{"failures.md", "threat-model.md"}

func TestPagesNameTestsThatExist(t *testing.T) {
	tests := definedTests(t)
	for _, page := range pagesOfClaims {
		text, err := os.ReadFile("../../docs/" + page)
		if err != nil {
			t.Fatal(err)
		}
		names := regexp.MustCompile("`(Test[A-Za-z0-9]+)`").FindAllStringSubmatch(string(text), -1)
		if len(names) == 0 {
			t.Errorf("%s names no test", page)
		}
		for _, name := range names {
			if !tests[name[1]] {
				t.Errorf("%s: there is no %s", page, name[1])
			}
		}
	}
}

func TestEveryFailureNamesATest(t *testing.T) {
	text, err := os.ReadFile("../../docs/failures.md")
	if err != nil {
		t.Fatal(err)
	}
	rows := 0
	for line := range strings.Lines(string(text)) {
		if !strings.HasPrefix(line, "|") || strings.HasPrefix(line, "|---") || strings.HasPrefix(line, "| what fails") {
			continue
		}
		rows++
		if !strings.Contains(line, "`Test") {
			t.Errorf("no test in the row %s", line)
		}
	}
	if rows < 20 {
		t.Errorf("%d rows", rows)
	}
}

// definedTests are the names of all tests of the project.
func definedTests(t *testing.T) map[string]bool {
	t.Helper()
	names, definition := map[string]bool{}, regexp.MustCompile(`(?m)^func (Test\w+)\(`)
	tree := os.DirFS("../..")
	err := fs.WalkDir(tree, ".", func(path string, _ fs.DirEntry, err error) error {
		if err != nil || !strings.HasSuffix(path, "_test.go") {
			return err
		}
		text, err := fs.ReadFile(tree, path)
		for _, match := range definition.FindAllStringSubmatch(string(text), -1) {
			names[match[1]] = true
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return names
}
