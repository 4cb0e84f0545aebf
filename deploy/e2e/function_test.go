package e2e

import (
	"bufio"
	_ "embed"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"text/template"
	"time"
)

// manifest is a function as OpenFaaS deploys it, see testdata/function.yaml.
//
//go:embed testdata/function.yaml
var manifest string

// namespace is that of the functions.
const namespace = "openfaas-fn"

// function is a function to deploy.
type function struct {
	Name, Image string
	// Snapshot gives it the label that asks for the capabilities.
	Snapshot bool
	// DropAll drops all capabilities, as OpenFaaS Pro can.
	DropAll  bool
	Replicas int
	Env      map[string]string
}

// start has deploy.sh make the function's token, deploys it, waits for its pods.
func (f function) start(t testing.TB, c *cluster) []pod {
	t.Helper()
	c.deploy(t, "--function", f.Name)
	var text strings.Builder
	if err := template.Must(template.New("function").Parse(manifest)).Execute(&text, f); err != nil {
		t.Fatal(err)
	}
	c.apply(t, text.String())
	return c.readyPods(t, namespace, f.selector(), f.Replicas)
}

func (f function) selector() string { return "faas_function=" + f.Name }

// remove takes the function away and waits until its pods are gone.
func (f function) remove(t testing.TB, c *cluster) {
	t.Helper()
	c.kubectl(t, "delete", "deployment,service", "-n", namespace, f.Name)
	c.readyPods(t, namespace, f.selector(), 0)
}

func (f function) scale(t testing.TB, c *cluster, replicas int) []pod {
	t.Helper()
	c.kubectl(t, "scale", "deployment", f.Name, "-n", namespace, "--replicas", strconv.Itoa(replicas))
	return c.readyPods(t, namespace, f.selector(), replicas)
}

// url is the function's service.
func (f function) url(t testing.TB, c *cluster) string {
	t.Helper()
	return "http://" + c.kubectl(t, "get", "service", f.Name, "-n", namespace, "-o", "jsonpath={.spec.clusterIP}") + ":8080/"
}

var client = &http.Client{Timeout: 60 * time.Second, Transport: &http.Transport{DisableKeepAlives: true}}

// count is what the counting functions answer.
type count struct{ Count, Restores int }

// call sends a request to a counting function in its pod.
func (p pod) call(t testing.TB) count {
	t.Helper()
	var got count
	if err := json.Unmarshal([]byte(get(t, "http://"+p.Status.PodIP+":8080/")), &got); err != nil {
		t.Fatal(err)
	}
	return got
}

// lifetimes are the starts of processes in the pod, by "start reason".
func (p pod) lifetimes(t testing.TB) map[string]int {
	t.Helper()
	return parseCounters(get(t, "http://"+p.Status.PodIP+":8081/metrics"), "pronghorn_lifetimes_total", "start", "reason")
}

// checkpoints are the checkpoints in the pod, by "outcome reason".
func (p pod) checkpoints(t testing.TB) map[string]int {
	t.Helper()
	return parseCounters(get(t, "http://"+p.Status.PodIP+":8081/metrics"), "pronghorn_checkpoints_total", "outcome", "reason")
}

func get(t testing.TB, url string) string {
	t.Helper()
	resp, err := client.Get(url)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	if resp.StatusCode != http.StatusOK {
		t.Fatalf("%s: %s: %s", url, resp.Status, body)
	}
	return string(body)
}

// parseCounters reads a counter from Prometheus' text form: its values by those
// of the labels, joined by spaces.
func parseCounters(text, name string, labels ...string) map[string]int {
	counters := map[string]int{}
	for scanner := bufio.NewScanner(strings.NewReader(text)); scanner.Scan(); {
		rest, found := strings.CutPrefix(scanner.Text(), name+"{")
		pairs, value, ok := strings.Cut(rest, "} ")
		if !found || !ok {
			continue
		}
		var key []string
		for _, label := range labels {
			_, after, _ := strings.Cut(","+pairs, ","+label+`="`)
			text, _, _ := strings.Cut(after, `"`)
			key = append(key, text)
		}
		n, err := strconv.ParseFloat(value, 64)
		if err == nil {
			counters[strings.Join(key, " ")] += int(n)
		}
	}
	return counters
}

// capabilities are the effective ones of the pod's first process.
func (c *cluster) capabilities(t testing.TB, p pod) uint64 {
	t.Helper()
	for line := range strings.Lines(c.kubectl(t, "exec", "-n", namespace, p.Metadata.Name, "--", "cat", "/proc/1/status")) {
		if text, found := strings.CutPrefix(line, "CapEff:"); found {
			set, err := strconv.ParseUint(strings.TrimSpace(text), 16, 64)
			if err != nil {
				t.Fatal(err)
			}
			return set
		}
	}
	t.Fatal("no CapEff in /proc/1/status")
	return 0
}

// logs is what the pods of a function have written.
func (f function) logs(t testing.TB, c *cluster) string {
	out, err := c.try(t, "logs", "-n", namespace, "-l", f.selector(), "--tail=60", "--prefix")
	if err != nil {
		return err.Error()
	}
	return out
}

func (c count) String() string { return fmt.Sprintf("count %d, restores %d", c.Count, c.Restores) }
