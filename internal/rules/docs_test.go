package rules_test

import (
	"io/fs"
	"os"
	"regexp"
	"slices"
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
	eachFile(t, "_test.go", func(_, text string) {
		for _, match := range definition.FindAllStringSubmatch(text, -1) {
			names[match[1]] = true
		}
	})
	return names
}

// eachFile calls do with every file of the repository whose name ends so.
func eachFile(t *testing.T, ending string, do func(path, text string)) {
	t.Helper()
	tree := os.DirFS("../..")
	err := fs.WalkDir(tree, ".", func(path string, entry fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case entry.IsDir() && slices.Contains([]string{".git", ".pronghorn", "node_modules"}, entry.Name()):
			return fs.SkipDir
		case entry.IsDir() || !strings.HasSuffix(path, ending):
			return nil
		}
		text, err := fs.ReadFile(tree, path)
		if err == nil {
			do(path, string(text))
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}
