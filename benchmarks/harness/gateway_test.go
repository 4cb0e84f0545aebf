package harness_test

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/pronghorn-faas/pronghorn/benchmarks/harness"
	"github.com/pronghorn-faas/pronghorn/benchmarks/results"
	"github.com/pronghorn-faas/pronghorn/internal/require"
	"github.com/pronghorn-faas/pronghorn/watchdog/watchdogtest"
)

// cli stands in for faas-cli: it writes down how it was called, a word a line,
// and tells the gateway.
const cli = `#!/bin/sh
printf '%s\n' "$@" '' >>"$CALLS/faas-cli"
case $1 in
deploy) printf '%s\n' "$@" | curl -sSf --data-binary @- "$OPENFAAS_URL/system/functions" ;;
remove) curl -sSf -X DELETE "$OPENFAAS_URL/system/functions" && echo "Deleting: $4." ;;
list) echo 'Function Invocations Replicas' && curl -sSf "$OPENFAAS_URL/system/functions" ;;
build) mkdir -p build/bfs/function ;;
esac
`

// stub puts the stand-in on the PATH and returns where it writes its calls.
func stub(t *testing.T) (calls string) {
	t.Helper()
	dir, calls := t.TempDir(), t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "faas-cli"), []byte(cli), 0o755); err != nil {
		t.Fatal(err)
	}
	t.Setenv("PATH", dir+":"+os.Getenv("PATH"))
	t.Setenv("CALLS", calls)
	return calls
}

// flags are the values of a flag in a call.
func flags(call []string, name string) (values []string) {
	for i, word := range call {
		if word == name && i+1 < len(call) {
			values = append(values, call[i+1])
		}
	}
	return values
}

// gateway stands in for OpenFaaS's: what is deployed through it runs as a real
// watchdog with a real function and real snapshots.
type gateway struct {
	t        *testing.T
	control  *watchdogtest.Control
	bin      string
	function watchdogtest.Function
	// quiet keeps the watchdog's headers from the client.
	quiet bool

	mu       sync.Mutex
	running  *watchdogtest.Watchdog
	deployed []string // ENV of each deployment
}

func (g *gateway) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.URL.Path != "/system/functions" {
		g.pass(w, r)
		return
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	switch r.Method {
	case http.MethodPost:
		g.deploy(r)
	case http.MethodDelete:
		if err := g.running.Terminate(); err != nil {
			g.t.Errorf("after SIGTERM: %v", err)
		}
		g.running = nil
	case http.MethodGet:
		if g.running != nil {
			fmt.Fprintln(w, g.function.Name, "0", "1")
		}
	}
}

// deploy starts the watchdog. Nothing may be known of the function: each
// configuration begins with nothing.
func (g *gateway) deploy(r *http.Request) {
	state, err := g.control.Store.State(r.Context(), g.function.Name)
	if err != nil || state.Samples != 0 || len(state.Pool) != 0 {
		g.t.Errorf("deployed with %d samples and %d snapshots, error %v", state.Samples, len(state.Pool), err)
	}
	text, err := io.ReadAll(r.Body)
	if err != nil {
		g.t.Error(err)
	}
	environment := flags(strings.Split(string(text), "\n"), "--env")
	g.deployed = append(g.deployed, environment[slices.IndexFunc(environment, func(v string) bool { return strings.HasPrefix(v, "ENV=") })])
	g.running = g.control.StartWith(g.t, g.bin, g.function, environment...)
}

// pass hands /function/NAME/… to the watchdog.
func (g *gateway) pass(w http.ResponseWriter, r *http.Request) {
	g.mu.Lock()
	running := g.running
	g.mu.Unlock()
	rest, ok := strings.CutPrefix(r.URL.Path, "/function/"+g.function.Name)
	if running == nil || !ok {
		http.NotFound(w, r)
		return
	}
	proxy := &httputil.ReverseProxy{Transport: running.Client.Transport, Rewrite: func(p *httputil.ProxyRequest) {
		p.SetURL(&url.URL{Scheme: "http", Host: "127.0.0.1:8080"})
		p.Out.URL.Path = "/" + strings.TrimPrefix(rest, "/")
	}, ModifyResponse: func(resp *http.Response) error {
		if g.quiet {
			for _, name := range []string{"X-Pronghorn-Lifetime", "X-Pronghorn-Request-Number", "X-Pronghorn-Wait-Us"} {
				resp.Header.Del(name)
			}
		}
		return nil
	}}
	proxy.ServeHTTP(w, r)
}

func TestFunctionsAreDrivenThroughAGateway(t *testing.T) {
	require.Program(t, "curl", "curl") // of what stands in for faas-cli
	for claim, quiet := range map[string]bool{"that passes headers on": false, "that keeps headers to itself": true} {
		t.Run(claim, func(t *testing.T) {
			watchdogtest.RequireCRIU(t)
			require.Program(t, "pypy", "pypy3")
			calls := stub(t)
			g := &gateway{t: t, control: watchdogtest.NewControl(t, "", ""), bin: watchdogtest.Binary(t), function: watchdogtest.Assemble(t, "bfs"), quiet: quiet}
			s := httptest.NewServer(g)
			defer s.Close()
			t.Setenv("PRONGHORN_AGENT_URL", g.control.Agent.URL())
			dir := t.TempDir()
			cfg := harness.Config{
				Functions: []string{"bfs"}, Strategies: []string{"cold", "fixed&request_to_checkpoint=1"}, Rates: []int{4},
				Requests: 12, Pause: 300 * time.Millisecond, Mutability: 1, Seed: 1,
				Gateway: &harness.Gateway{URL: s.URL, KV: g.control.KV.URL()},
				Out:     filepath.Join(dir, "r.csv"), Work: filepath.Join(dir, "work"), Benchmarks: "..",
			}
			if err := harness.Run(t.Context(), cfg); err != nil {
				t.Fatal(err)
			}
			slices.Sort(g.deployed)
			if diff := cmp.Diff([]string{"ENV=cold,true,4", "ENV=fixed&request_to_checkpoint=1,true,4"}, g.deployed); diff != "" {
				t.Errorf("deployed (-want +got):\n%s", diff)
			}
			if names, err := g.control.Store.Functions(t.Context()); err != nil || len(names) > 0 || g.running != nil {
				t.Errorf("left behind: state of %v, error %v, watchdog %v", names, err, g.running)
			}
			checkRemote(t, results.SetOf(cfg.Out), quiet)
			checkDeployment(t, calls, s.URL)
		})
	}
}

// checkRemote wants all requests recorded, those after the first lifetime from
// the snapshot that was taken after its first request, and no lifetimes.
func checkRemote(t *testing.T, set results.Set, quiet bool) {
	t.Helper()
	data, err := set.Read()
	if err != nil {
		t.Fatal(err)
	}
	if len(data.Rows) != 24 || len(data.Requests) != 24 || len(data.Lifetimes) != 0 {
		t.Errorf("%d rows, %d requests, %d lifetimes: want 24, 24, and none", len(data.Rows), len(data.Requests), len(data.Lifetimes))
	}
	lineage := map[string][]int{}
	for _, r := range data.Requests {
		if r.Failed() || r.ClientUS <= 0 || r.ServerUS <= 0 || (r.Lifetime == "") != quiet {
			t.Errorf("recorded %+v", r)
		}
		lineage[r.Strategy] = append(lineage[r.Strategy], r.LineageRequestNumber)
	}
	want := map[string][]int{
		"cold":                          {1, 2, 3, 4, 1, 2, 3, 4, 1, 2, 3, 4},
		"fixed&request_to_checkpoint=1": {1, 2, 3, 4, 2, 3, 4, 5, 2, 3, 4, 5},
	}
	if quiet {
		want = map[string][]int{"cold": make([]int, 12), "fixed&request_to_checkpoint=1": make([]int, 12)}
	}
	if diff := cmp.Diff(want, lineage); diff != "" {
		t.Errorf("request numbers of the lineages (-want +got):\n%s", diff)
	}
}

// checkDeployment looks at how faas-cli was called.
func checkDeployment(t *testing.T, calls, gatewayURL string) {
	t.Helper()
	for _, call := range callsOf(t, filepath.Join(calls, "faas-cli")) {
		if got := flags(call, "--gateway"); !slices.Equal(got, []string{gatewayURL}) {
			t.Errorf("%q goes to %q", call, got)
		}
		if call[0] != "deploy" {
			continue
		}
		for flag, want := range map[string]string{
			"--filter": "bfs", "--label": "snapshot=true", "--secret": "pronghorn-token-bfs", "--env": "snapshot_function=bfs",
		} {
			if !slices.Contains(flags(call, flag), want) {
				t.Errorf("%q has no %s %s", call, flag, want)
			}
		}
		if stack := flags(call, "--yaml"); len(stack) != 1 || !strings.HasSuffix(stack[0], "python/bfs/bfs.yml") {
			t.Errorf("deployed from %q", stack)
		}
	}
}

func callsOf(t *testing.T, path string) (all [][]string) {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	for call := range strings.SplitSeq(strings.TrimSpace(string(text)), "\n\n") {
		all = append(all, strings.Split(call, "\n"))
	}
	return all
}

func TestGatewayConfigurationsAreChecked(t *testing.T) {
	good := harness.Config{
		Functions: []string{"bfs"}, Strategies: []string{"cold"}, Rates: []int{4}, Requests: 1, Mutability: 1,
		Gateway: &harness.Gateway{URL: "http://127.0.0.1:8080", KV: "http://127.0.0.1:5000"}, Out: "r.csv", Work: "work", Benchmarks: "..",
	}
	if err := good.Check(); err != nil {
		t.Errorf("%v for a good one", err)
	}
	for want, change := range map[string]func(*harness.Config){
		"gateway":    func(c *harness.Config) { c.Gateway = &harness.Gateway{URL: "127.0.0.1:8080", KV: "http://kv"} },
		"KV service": func(c *harness.Config) { c.Gateway = &harness.Gateway{URL: "http://gateway"} },
		"pool":       func(c *harness.Config) { c.Pool = "s3://127.0.0.1:9000/b" },
		"gateway.sh": func(c *harness.Config) { c.Benchmarks = t.TempDir() },
	} {
		bad := good
		change(&bad)
		if err := bad.Check(); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v: want an error about %s", err, want)
		}
	}
}

// TestBuildPushesDeploysAndAsks runs build.sh with stand-ins of docker and
// faas-cli: the subject is the script.
func TestBuildPushesDeploysAndAsks(t *testing.T) {
	require.Program(t, "curl", "curl")
	calls := stub(t)
	docker := filepath.Join(t.TempDir(), "docker")
	if err := os.WriteFile(docker, []byte("#!/bin/sh\nprintf '%s\\n' \"$@\" '' >>\"$CALLS/docker\"\n"), 0o755); err != nil {
		t.Fatal(err)
	}
	var looks int
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if looks++; r.URL.Path == "/function/bfs/_/ready" && looks < 4 {
			http.NotFound(w, r)
			return
		}
		w.Header().Set("X-Server-Time-Us", "5")
	}))
	defer s.Close()
	t.Setenv("PRONGHORN_DOCKER", docker)
	t.Setenv("OPENFAAS_PREFIX", "registry.example/me")
	out, err := exec.Command("../build.sh", "--gateway", s.URL, "bfs").CombinedOutput()
	if err != nil || !strings.Contains(string(out), "OK      bfs") {
		t.Fatalf("%v\n%s", err, out)
	}
	var done []string
	for _, call := range callsOf(t, filepath.Join(calls, "docker")) {
		if call[0] == "push" || slices.Contains(call, "registry.example/me/bfs:latest") {
			done = append(done, call[0]+" "+strings.Join(flags(call, "--tag"), ""))
		}
	}
	if diff := cmp.Diff([]string{"build registry.example/me/bfs:latest", "push "}, done); diff != "" {
		t.Errorf("calls of docker (-want +got):\n%s", diff)
	}
	if !slices.ContainsFunc(callsOf(t, filepath.Join(calls, "faas-cli")), func(call []string) bool { return call[0] == "deploy" }) {
		t.Error("not deployed")
	}
}

func TestBuildWantsARegistryForAGateway(t *testing.T) {
	stub(t)
	t.Setenv("OPENFAAS_PREFIX", "")
	out, err := exec.Command("../build.sh", "--gateway", "http://127.0.0.1:1", "bfs").CombinedOutput()
	if err == nil || !strings.Contains(string(out), "OPENFAAS_PREFIX") {
		t.Errorf("%v\n%s", err, out)
	}
}
