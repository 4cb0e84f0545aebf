package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestBenchBehindAGateway(t *testing.T) {
	token := filepath.Join(t.TempDir(), "token")
	if err := os.WriteFile(token, []byte("the-operators-token\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	flags := map[string]string{"gateway": "http://gateway:8080", "kv": "http://kv:5000", "token-file": token, "requests": "7"}
	jobs, err := planJobs(t, []string{"evaluation"}, nil, flags)
	if err != nil {
		t.Fatal(err)
	}
	if len(jobs) != 2 || jobs[0].Out != "data/python-evaluation.csv" || jobs[1].Out != "data/java-evaluation.csv" {
		t.Fatalf("jobs %+v: want one for each language, as the artifact's evaluation has", jobs)
	}
	for _, job := range jobs {
		g := job.Gateway
		if g == nil || g.URL != flags["gateway"] || g.KV != flags["kv"] || g.Token != "the-operators-token" || job.Settle != 0 {
			t.Errorf("gateway %+v, settle %s", g, job.Settle)
		}
		last := map[string]int{}
		for _, step := range job.Steps() {
			if step.Until != 7 || last[step.String()] != 0 {
				t.Errorf("step %+v: want each configuration once, with all its requests", step)
			}
			last[step.String()] = step.Until
		}
	}
}

func TestBenchRefusesWhatDoesNotGoWithAGateway(t *testing.T) {
	for want, flags := range map[string]map[string]string{
		"--kv, --token-file": {"kv": "http://kv:5000"},
		"want --kv too":      {"gateway": "http://gateway:8080"},
		"--budget":           {"gateway": "http://gateway:8080", "kv": "http://kv:5000", "budget": "1m"},
		"--pool":             {"gateway": "http://gateway:8080", "kv": "http://kv:5000", "pool": "s3://127.0.0.1:9000/b"},
		"no/such/token":      {"gateway": "http://gateway:8080", "kv": "http://kv:5000", "token-file": "no/such/token"},
	} {
		if _, err := planJobs(t, []string{"evaluation"}, nil, flags); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v: %v: want an error about %s", flags, err, want)
		}
	}
}
