package doctor_test

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/pronghorn-faas/pronghorn/watchdog/doctor"
	"github.com/pronghorn-faas/pronghorn/watchdog/watchdogtest"
)

// asCounter makes the test program count, which is what the trial dumps.
const asCounter = "count"

func TestMain(m *testing.M) {
	if len(os.Args) == 2 && os.Args[1] == asCounter {
		_ = doctor.Count(context.Background(), os.Stdout)
		return
	}
	os.Exit(m.Run())
}

func find(t *testing.T, checks []doctor.Check, name string) doctor.Check {
	t.Helper()
	for _, c := range checks {
		if c.Name == name {
			return c
		}
	}
	t.Fatalf("no check %q in %+v", name, checks)
	return doctor.Check{}
}

func TestTrialDumpsAndRestores(t *testing.T) {
	watchdogtest.RequireCRIU(t)
	checks := doctor.Run(t.Context(), doctor.Options{CRIU: os.Getenv("PRONGHORN_CRIU"), StagingDir: t.TempDir(), Counter: []string{os.Args[0], asCounter}})
	if c := find(t, checks, "trial"); c.Status != doctor.OK || !strings.Contains(c.Detail, "went on where it was") {
		t.Errorf("%+v", checks)
	}
}

func TestFindingsNameWhatIsWrong(t *testing.T) {
	agent := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Authorization") != "Bearer good" {
			http.Error(w, "who are you?", http.StatusUnauthorized)
			return
		}
		fmt.Fprint(w, "{}")
	}))
	defer agent.Close()
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, []byte("no key\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for claim, tc := range map[string]struct {
		options doctor.Options
		check   string
		want    doctor.Status
		says    string
	}{
		"no CRIU":                        {doctor.Options{CRIU: "/no/such/criu"}, "criu", doctor.Failed, "/no/such/criu"},
		"and so no trial":                {doctor.Options{CRIU: "/no/such/criu"}, "trial", doctor.Skipped, "may not be used"},
		"staging where nothing can be":   {doctor.Options{StagingDir: file + "/x"}, "staging directory", doctor.Failed, "not a directory"},
		"a broken key":                   {doctor.Options{KeyFile: file}, "encryption", doctor.Failed, "line 1"},
		"a JVM with performance data":    {doctor.Options{Command: []string{"/usr/bin/java", "-jar", "f.jar"}}, "function", doctor.Failed, "-jar f.jar"},
		"a Node that makes an io_uring":  {doctor.Options{Command: []string{"node", "index.js"}}, "function", doctor.Warning, "io_uring"},
		"a JVM without":                  {doctor.Options{Command: []string{"java", "-XX:-UsePerfData", "F"}}, "function", doctor.OK, "F"},
		"an agent that is not there":     {doctor.Options{AgentURL: "http://127.0.0.1:1", Function: "f"}, "policy agent", doctor.Failed, "refused"},
		"a token that the agent refuses": {doctor.Options{AgentURL: agent.URL, Function: "f", Token: "bad"}, "policy agent", doctor.Failed, "401"},
		"a good agent":                   {doctor.Options{AgentURL: agent.URL, Function: "f", Token: "good"}, "policy agent", doctor.OK, "f"},
		"nothing asked for":              {doctor.Options{}, "policy agent", doctor.Skipped, "snapshot_agent_url"},
		"and no lazy restore":            {doctor.Options{CRIU: "/no/such/criu"}, "lazy restore", doctor.Skipped, "may not be used"},
	} {
		t.Run(claim, func(t *testing.T) {
			c := find(t, doctor.Run(t.Context(), tc.options), tc.check)
			if c.Status != tc.want || !strings.Contains(c.Detail, tc.says) {
				t.Errorf("got %+v, want %s that says %q", c, tc.want, tc.says)
			}
			if c.Status == doctor.Failed && c.Remedy == "" {
				t.Error("a failure without a remedy")
			}
		})
	}
}
