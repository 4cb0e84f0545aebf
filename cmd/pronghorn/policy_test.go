package main

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// runPolicy runs "policy" with these arguments and returns what it prints.
func runPolicy(t *testing.T, stdin string, args ...string) (string, error) {
	t.Helper()
	var stdout bytes.Buffer
	cmd := newPolicyCommand()
	cmd.SilenceErrors, cmd.SilenceUsage = true, true
	cmd.SetIn(strings.NewReader(stdin))
	cmd.SetOut(&stdout)
	cmd.SetErr(&stdout)
	cmd.SetArgs(args)
	err := cmd.Execute()
	return stdout.String(), err
}

// between returns the text between two marks.
func between(t *testing.T, text, from, to string) string {
	t.Helper()
	_, rest, found := strings.Cut(text, from)
	part, _, foundEnd := strings.Cut(rest, to)
	if !found || !foundEnd {
		t.Fatalf("nothing between %q and %q", from, to)
	}
	return part
}

func TestPolicyExplainPrintsWhatItsDocumentationSays(t *testing.T) {
	page, err := os.ReadFile(filepath.Join("..", "..", "docs", "policy.md"))
	if err != nil {
		t.Fatal(err)
	}
	input := between(t, string(page), "<<'END'\n", "END\n")
	want := between(t, string(page), "```json\n", "```")
	got, err := runPolicy(t, input, "explain")
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("docs/policy.md (-documented +printed):\n%s", diff)
	}
}

func TestPolicyExplainExampleRuns(t *testing.T) {
	input := between(t, explainExample, "<<'END'\n", "  END")
	if _, err := runPolicy(t, input, "explain"); err != nil {
		t.Error(err)
	}
}

const coldQuery = `{"strategy":"cold","eviction":1,"latencies_us":[5],"pool":[{"id":"<a>","request_number":1}],"request_number":0}`

func TestPolicyExplainReadsAFile(t *testing.T) {
	file := filepath.Join(t.TempDir(), "state.json")
	if err := os.WriteFile(file, []byte(coldQuery), 0o600); err != nil {
		t.Fatal(err)
	}
	fromFile, err := runPolicy(t, "ignored", "explain", "-f", file, "-o", "json")
	if err != nil {
		t.Fatal(err)
	}
	fromStdin, err := runPolicy(t, coldQuery, "explain")
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(fromStdin, fromFile); diff != "" {
		t.Errorf("(-stdin +file):\n%s", diff)
	}
}

func TestPolicyExplainFails(t *testing.T) {
	tests := map[string]struct {
		stdin string
		args  []string
		want  string
		usage bool
	}{
		"no input":           {"", []string{"explain"}, "read the state: not a JSON object", false},
		"an unknown field":   {`{"a":1}`, []string{"explain"}, `unknown field "a"`, false},
		"an unknown spec":    {strings.Replace(coldQuery, "cold", "warm", 1), []string{"explain"}, `unknown name "warm"`, false},
		"a missing file":     {"", []string{"explain", "-f", "does-not-exist"}, "does-not-exist", false},
		"another format":     {coldQuery, []string{"explain", "-o", "xml"}, `--output "xml": want json`, true},
		"an argument":        {coldQuery, []string{"explain", "state.json"}, `takes no arguments`, true},
		"an unknown command": {"", []string{"expalin"}, `unknown command "expalin"`, true},
	}
	for claim, test := range tests {
		t.Run(claim, func(t *testing.T) {
			output, err := runPolicy(t, test.stdin, test.args...)
			if err == nil {
				t.Fatalf("printed %s", output)
			}
			if !strings.Contains(err.Error(), test.want) {
				t.Errorf("error %q, want it to contain %q", err, test.want)
			}
			if usage := errors.As(err, new(usageError)); usage != test.usage {
				t.Errorf("usage error: %v, want %v", usage, test.usage)
			}
			if output != "" {
				t.Errorf("printed %q besides the error", output)
			}
		})
	}
}

func TestPolicyAloneShowsItsHelp(t *testing.T) {
	output, err := runPolicy(t, "")
	if err != nil || !strings.Contains(output, "explain") {
		t.Errorf("printed %q, error %v", output, err)
	}
}
