package main

import (
	"bytes"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"go.yaml.in/yaml/v3"
)

// none is an environment without variables.
func none(string) (string, bool) { return "", false }

// convertText writes a stack file and returns the documents made from it.
func convertText(t *testing.T, text string, lookup func(string) (string, bool), flags ...string) []map[string]any {
	t.Helper()
	path := filepath.Join(t.TempDir(), "stack.yml")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	var out, errs bytes.Buffer
	if code := run(append(flags, path), lookup, &out, &errs); code != 0 {
		t.Fatalf("exit code %d: %s", code, errs.String())
	}
	return documents(t, &out)
}

func documents(t *testing.T, r io.Reader) []map[string]any {
	t.Helper()
	var found []map[string]any
	for decoder := yaml.NewDecoder(r); ; {
		var d map[string]any
		switch err := decoder.Decode(&d); err {
		case nil:
			found = append(found, d)
		case io.EOF:
			return found
		default:
			t.Fatal(err)
		}
	}
}

// at walks down a document by keys and indices.
func at(t *testing.T, d any, path ...any) any {
	t.Helper()
	for _, step := range path {
		switch s := step.(type) {
		case string:
			d = d.(map[string]any)[s]
		case int:
			d = d.([]any)[s]
		}
	}
	return d
}

var container = []any{"spec", "template", "spec", "containers", 0}

func in(path ...any) []any { return append(append([]any{}, container...), path...) }

const full = `
provider: {name: openfaas}
functions:
  full:
    lang: criu-pypy
    image: ${PREFIX:-pronghorn}/full:${TAG}
    fprocess: pypy3 other.py
    environment: {quoted: 'a "b": {c}', number: 12, yes: true}
    secrets: [one, two]
    labels: {com.openfaas.scale.min: "3", snapshot: "true"}
    annotations: {topic: x}
    limits: {cpu: 500m, memory: 256Mi}
    requests: {memory: 64Mi}
    readonly_root_filesystem: true
`

func TestAStackFileBecomesWhatOpenFaaSMakesOfIt(t *testing.T) {
	lookup := func(name string) (string, bool) { return "v7", name == "TAG" }
	docs := convertText(t, full, lookup)
	if len(docs) != 2 || docs[0]["kind"] != "Deployment" || docs[1]["kind"] != "Service" {
		t.Fatalf("got %v, want a Deployment and a Service", docs)
	}
	probe := map[string]any{
		"httpGet":             map[string]any{"path": "/_/health", "port": 8080, "scheme": "HTTP"},
		"initialDelaySeconds": 2, "periodSeconds": 2, "timeoutSeconds": 1, "successThreshold": 1, "failureThreshold": 3,
	}
	for what, c := range map[string]struct {
		path []any
		want any
	}{
		"the namespace":                     {[]any{"metadata", "namespace"}, "openfaas-fn"},
		"replicas, by the label":            {[]any{"spec", "replicas"}, 3},
		"the container's name":              {in("name"), "full"},
		"the image, variables and defaults": {in("image"), "pronghorn/full:v7"},
		"the liveness probe":                {in("livenessProbe"), probe},
		"the readiness probe":               {in("readinessProbe"), probe},
		"the environment, sorted": {in("env"), []any{
			map[string]any{"name": "fprocess", "value": "pypy3 other.py"},
			map[string]any{"name": "number", "value": "12"},
			map[string]any{"name": "quoted", "value": `a "b": {c}`},
			map[string]any{"name": "yes", "value": "true"},
		}},
		"limits":               {in("resources", "limits"), map[string]any{"cpu": "500m", "memory": "256Mi"}},
		"requests":             {in("resources", "requests"), map[string]any{"memory": "64Mi"}},
		"the security context": {in("securityContext"), map[string]any{"readOnlyRootFilesystem": true}},
		"labels of the pods": {[]any{"spec", "template", "metadata", "labels"},
			map[string]any{"faas_function": "full", "com.openfaas.scale.min": "3", "snapshot": "true"}},
		"annotations": {[]any{"metadata", "annotations"},
			map[string]any{"topic": "x", "prometheus.io.scrape": "false"}},
		"secrets": {[]any{"spec", "template", "spec", "volumes", 1, "projected", "sources"},
			[]any{map[string]any{"secret": map[string]any{"name": "one"}}, map[string]any{"secret": map[string]any{"name": "two"}}}},
		"where secrets are": {in("volumeMounts", 1, "mountPath"), "/var/openfaas/secrets"},
	} {
		t.Run(what, func(t *testing.T) {
			if diff := cmp.Diff(c.want, at(t, docs[0], c.path...)); diff != "" {
				t.Errorf("(-want +got)\n%s", diff)
			}
		})
	}
}

const small = "functions: {small: {image: i}}"

func TestAFunctionWithoutSecretsHasNoVolumes(t *testing.T) {
	spec := at(t, convertText(t, small, none)[0], "spec", "template", "spec").(map[string]any)
	if v, there := spec["volumes"]; there {
		t.Errorf("got volumes %v, want none, as OpenFaaS", v)
	}
}

func TestSnapshotsAddWhatHotStartsNeed(t *testing.T) {
	deployment := convertText(t, small, none, "-snapshots")[0]
	for what, c := range map[string]struct {
		path []any
		want any
	}{
		"the label":    {[]any{"spec", "template", "metadata", "labels", "snapshot"}, "true"},
		"the agent":    {in("env", 0, "value"), "http://pronghorn-agent.pronghorn:8090"},
		"the function": {in("env", 1, "value"), "small"},
		"the token": {[]any{"spec", "template", "spec", "volumes", 0, "projected", "sources", 0, "secret", "name"},
			"pronghorn-token-small"},
	} {
		t.Run(what, func(t *testing.T) {
			if got := at(t, deployment, c.path...); got != c.want {
				t.Errorf("got %v, want %v", got, c.want)
			}
		})
	}
}

func TestWhatTheStackFileSaysStands(t *testing.T) {
	docs := convertText(t, `functions: {f: {image: i, labels: {snapshot: "false"},
  environment: {snapshot_agent_url: "http://other"}, secrets: [pronghorn-token-f]}}`, none, "-snapshots")
	if got := at(t, docs[0], "spec", "template", "metadata", "labels", "snapshot"); got != "false" {
		t.Errorf("label: got %v, want false", got)
	}
	if got := at(t, docs[0], in("env", 0, "value")...); got != "http://other" {
		t.Errorf("agent: got %v, want http://other", got)
	}
	if got := at(t, docs[0], "spec", "template", "spec", "volumes", 0, "projected", "sources"); len(got.([]any)) != 1 {
		t.Errorf("secrets: got %v, want one", got)
	}
}

func TestWhatCannotBeConvertedIsAnError(t *testing.T) {
	for what, c := range map[string]struct {
		text, want string
		code       int
	}{
		"no functions":             {"provider: {}", "no functions", 1},
		"no image":                 {"functions: {f: {lang: x}}", "no image", 1},
		"a bad name":               {"functions: {F_1: {image: i}}", "the name must be", 1},
		"no YAML":                  {"functions: [", "stack.yml", 1},
		"a missing variables file": {"functions: {f: {image: i, environment_file: [none.yml]}}", "none.yml", 1},
	} {
		t.Run(what, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "stack.yml")
			if err := os.WriteFile(path, []byte(c.text), 0o600); err != nil {
				t.Fatal(err)
			}
			var out, errs bytes.Buffer
			if code := run([]string{path}, none, &out, &errs); code != c.code || !strings.Contains(errs.String(), c.want) || out.Len() > 0 {
				t.Errorf("got code %d, output %q, error %q; want code %d, no output, and %q", code, out.String(), errs.String(), c.code, c.want)
			}
		})
	}
	if code := run(nil, none, io.Discard, io.Discard); code != 2 {
		t.Errorf("without a file: got code %d, want 2", code)
	}
}

// The files beside this one are what the program writes.
func TestTheFilesAreWhatTheStackFilesSay(t *testing.T) {
	for fn, stack := range map[string]string{"bfs": "python/bfs/bfs.yml", "simple-hash": "java/simple-hash/simple-hash.yml"} {
		var out, errs bytes.Buffer
		if code := run([]string{"-snapshots", "../../benchmarks/" + stack}, none, &out, &errs); code != 0 {
			t.Fatalf("exit code %d: %s", code, errs.String())
		}
		want := "# deploy/plain.sh -snapshots benchmarks/" + stack + "\n" + out.String()
		got, err := os.ReadFile(fn + ".yaml")
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want, string(got)); diff != "" {
			t.Errorf("%s.yaml is not what deploy/plain.sh writes (-want +got)\n%s", fn, diff)
		}
	}
}
