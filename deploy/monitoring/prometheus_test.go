package monitoring

import (
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/pronghorn-faas/pronghorn/internal/require"
	"github.com/pronghorn-faas/pronghorn/internal/syncbuffer"
	"github.com/pronghorn-faas/pronghorn/watchdog/watchdogtest"
)

// server is a Prometheus of the test's own.
type server struct {
	t   *testing.T
	url string
}

// startPrometheus scrapes targets each second and evaluates the rules as often.
func startPrometheus(t *testing.T, targets ...string) server {
	t.Helper()
	program := require.Program(t, "prometheus", "prometheus")
	dir := t.TempDir()
	rules := strings.Replace(read(t, rulesFile), "interval: 30s", "interval: 1s", 1)
	config := fmt.Sprintf("global: {scrape_interval: 1s, evaluation_interval: 1s}\nrule_files: [rules.yml]\nscrape_configs:\n"+
		"  - {job_name: pronghorn, static_configs: [{targets: [%s]}]}\n", strings.Join(targets, ", "))
	for name, text := range map[string]string{"rules.yml": rules, "prometheus.yml": config} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	address, log := freeAddress(t), &syncbuffer.Buffer{}
	cmd := exec.Command(program, "--config.file="+filepath.Join(dir, "prometheus.yml"),
		"--storage.tsdb.path="+filepath.Join(dir, "data"), "--web.listen-address="+address)
	cmd.Stdout, cmd.Stderr = log, log
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
		if t.Failed() {
			t.Logf("log of Prometheus:\n%s", log.String())
		}
	})
	s := server{t, "http://" + address}
	watchdogtest.Await(t, "Prometheus to be ready", func() bool {
		resp, err := http.Get(s.url + "/-/ready")
		if err != nil {
			return false
		}
		_ = resp.Body.Close()
		return resp.StatusCode == http.StatusOK
	})
	return s
}

func freeAddress(t *testing.T) string {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	return ln.Addr().String()
}

// get reads the data of an answer of the API.
func (s server) get(path string, data any) error {
	resp, err := http.Get(s.url + "/api/v1/" + path)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	answer := struct {
		Status, Error string
		Data          any
	}{Data: data}
	if err := json.NewDecoder(resp.Body).Decode(&answer); err != nil {
		return err
	}
	if answer.Status != "success" {
		return fmt.Errorf("%s: %s", path, answer.Error)
	}
	return nil
}

// series is how many series a query gives.
func (s server) series(query string) (int, error) {
	var data struct{ Result []any }
	err := s.get("query?query="+url.QueryEscape(query), &data)
	return len(data.Result), err
}

// unhealthy are the rules that could not be evaluated or have not been yet.
func (s server) unhealthy() []string {
	var data struct {
		Groups []struct {
			Rules []struct{ Name, Health, LastError string }
		}
	}
	if err := s.get("rules", &data); err != nil {
		return []string{err.Error()}
	}
	var bad []string
	for _, g := range data.Groups {
		for _, r := range g.Rules {
			if r.Health != "ok" {
				bad = append(bad, r.Name+": "+r.Health+" "+r.LastError)
			}
		}
	}
	return bad
}

// metricsOf serves the metrics of a watchdog, which is in a network of its own.
func metricsOf(t *testing.T, w *watchdogtest.Watchdog) (address string) {
	t.Helper()
	s := httptest.NewServer(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		resp, err := w.Client.Get("http://127.0.0.1:8081" + r.URL.Path)
		if err != nil {
			http.Error(rw, err.Error(), http.StatusBadGateway)
			return
		}
		defer resp.Body.Close()
		rw.Header().Set("Content-Type", resp.Header.Get("Content-Type"))
		_, _ = io.Copy(rw, resp.Body)
	}))
	t.Cleanup(s.Close)
	return s.Listener.Addr().String()
}

// A real Prometheus scrapes a real agent, KV service and watchdog whose
// function is checkpointed, evicted and restored. Then every query of the
// dashboard has an answer, every rule can be evaluated, and every metric that
// either names is there. Renaming a metric in a program fails this test.
func TestPrometheusAnswersEveryQueryOfTheDashboard(t *testing.T) {
	require.Program(t, "prometheus", "prometheus")
	watchdogtest.RequireCRIU(t)
	c := watchdogtest.NewControl(t, "", "")
	w := c.StartWith(t, watchdogtest.Binary(t), watchdogtest.Counter(t), "ENV=fixed&request_to_checkpoint=4,true,4")
	w.Drive(4)
	w.AwaitCheckpoints(1)
	watchdogtest.Await(t, "lifetimes from snapshots that have answered, and of which the agent expects something", func() bool {
		w.Drive(1)
		return w.Metric(`pronghorn_first_response_seconds_count{start="restored"}`) >= 1 && expectsSomething(t, c)
	})
	prometheus := startPrometheus(t, c.Agent.Addr, c.KV.Addr, metricsOf(t, w))
	watchdogtest.Await(t, "all three to be scraped", func() bool {
		n, err := prometheus.series("up == 1")
		return err == nil && n == 3
	})
	d := readDashboard(t)
	prometheus.exports(d, read(t, rulesFile))
	prometheus.awaitRules()
	for title, queries := range d.queries() {
		for _, query := range queries {
			watchdogtest.Await(t, "an answer to the query of panel "+title+": "+query, func() bool {
				n, err := prometheus.series(query)
				if err != nil {
					t.Fatalf("panel %q: %v, for\n%s", title, err, query)
				}
				return n > 0 // a rate needs two scrapes
			})
		}
	}
}

// exports asks for every metric that the dashboard and the rules name, but for
// those that rules record.
func (s server) exports(d dashboard, rules string) {
	s.t.Helper()
	users := map[string]string{"the rules": rules}
	for _, v := range d.Templating.List {
		users["variable "+v.Name] = string(v.Query)
	}
	for title, queries := range d.queries() {
		users["panel "+title] = strings.Join(queries, "\n")
	}
	have := append(s.names(), recorded(s.t)...)
	for user, text := range users {
		if gone := missing(namesIn(text), have); len(gone) > 0 {
			s.t.Errorf("%s: nobody exports %q", user, gone)
		}
	}
	if s.t.Failed() {
		s.t.FailNow()
	}
}

// awaitRules waits until every rule has been evaluated and recorded something.
func (s server) awaitRules() {
	s.t.Helper()
	var bad, gone []string
	defer func() {
		if s.t.Failed() {
			s.t.Logf("rules that were not evaluated: %q; recorded metrics that are missing: %q", bad, gone)
		}
	}()
	watchdogtest.Await(s.t, "every rule to be evaluated", func() bool {
		bad, gone = s.unhealthy(), missing(recorded(s.t), s.names())
		return len(bad)+len(gone) == 0
	})
}

// expectsSomething reports whether the agent knows latencies to plan with.
func expectsSomething(t *testing.T, c *watchdogtest.Control) bool {
	t.Helper()
	resp, err := http.Get(c.Agent.URL() + "/metrics")
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	return err == nil && strings.Contains(string(text), `pronghorn_agent_expected_latency_seconds{function="counter",start="planned"}`)
}

// names are the metrics that Prometheus has.
func (s server) names() []string {
	s.t.Helper()
	var names []string
	if err := s.get("label/__name__/values", &names); err != nil {
		s.t.Fatal(err)
	}
	return names
}

// missing are those of want that are not in have.
func missing(want, have []string) []string {
	return slices.DeleteFunc(slices.Clone(want), func(name string) bool { return slices.Contains(have, name) })
}
