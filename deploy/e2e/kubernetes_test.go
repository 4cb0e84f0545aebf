package e2e

import (
	"fmt"
	"io/fs"
	"maps"
	"math/bits"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/pronghorn-faas/pronghorn/internal/require"
)

// TestOnKubernetes goes from an empty cluster to Pronghorn at work and back.
// Its stages build on each other.
func TestOnKubernetes(t *testing.T) {
	require.Asked(t, "k8s", "this test starts a Kubernetes cluster: run make e2e-k8s")
	c := &cluster{}
	defer c.stop(t)
	stages := []struct {
		name string
		run  func(t *testing.T, c *cluster)
	}{
		{"the cluster starts", func(t *testing.T, c *cluster) { c.start(t) }},
		{"images", loadImages},
		{"deploy.sh from nothing to ready", deployFromNothing},
		{"the server accepts every manifest", validateManifests},
		{"labelled functions get capabilities, others do not", checkCapabilities},
		{"functions go on in the next pod", goOnInTheNextPod},
		{"parts die under load", partsDie},
		{"a second deploy.sh changes nothing", deployAgain},
		{"deploy.sh --remove under load", removeUnderLoad},
	}
	const needed = 3 // stages without which there is nothing to see
	for i, stage := range stages {
		begin := time.Now()
		ok := t.Run(stage.name, func(t *testing.T) { stage.run(t, c) })
		t.Logf("%6.1f s  %s", time.Since(begin).Seconds(), stage.name)
		if !ok && i < needed {
			t.FailNow()
		}
	}
}

// loadImages builds the images on the Docker engine and hands them on.
func loadImages(t *testing.T, c *cluster) {
	out, err := command(t.Context(), c.env, root+"/deploy/e2e/images.sh")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := command(t.Context(), c.env, root+"/scripts/k8s.sh", append([]string{"load"}, strings.Fields(out)...)...); err != nil {
		t.Fatal(err)
	}
}

func deployFromNothing(t *testing.T, c *cluster) {
	if out, err := c.try(t, "get", "namespace", "pronghorn"); err == nil {
		t.Fatalf("the cluster is not empty: %s", out)
	}
	t.Log(c.deploy(t))
	c.readyPods(t, "pronghorn", "app.kubernetes.io/name=pronghorn-agent", 2)
	t.Log(c.deploy(t, "--status"))
}

// validateManifests has the API server check every kustomization and the
// functions of deploy/plain. What it does
// not serve, such as a policy of another version, it cannot check.
func validateManifests(t *testing.T, c *cluster) {
	t.Run("plain", func(t *testing.T) { c.kubectl(t, "apply", "--dry-run=server", "-f", root+"/deploy/plain") })
	kustomizations := 0
	err := filepath.WalkDir(root+"/deploy", func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.Name() != "kustomization.yaml" {
			return err
		}
		text, err := os.ReadFile(path)
		if err != nil || !strings.Contains(string(text), "\nkind: Kustomization") {
			return err // a component is checked with what it is part of
		}
		dir := filepath.Dir(path)
		name, err := filepath.Rel(root+"/deploy", dir)
		kustomizations++
		t.Run(name, func(t *testing.T) { c.validate(t, c.kubectl(t, "kustomize", dir)) })
		return err
	})
	if err != nil || kustomizations == 0 {
		t.Fatalf("%d kustomizations: %v", kustomizations, err)
	}
}

func (c *cluster) validate(t *testing.T, manifests string) {
	checked := 0
	for _, document := range strings.Split(manifests, "\n---\n") {
		if version, kind := field(document, "apiVersion"), field(document, "kind"); !c.serves(t, version, kind) {
			t.Logf("not checked: this server has no %s in %s", kind, version)
			continue
		}
		c.apply(t, document, "--dry-run=server")
		checked++
	}
	t.Logf("%d objects accepted", checked)
}

// field is a field of a YAML document's top level.
func field(document, name string) string {
	for line := range strings.Lines(document) {
		if value, found := strings.CutPrefix(line, name+":"); found {
			return strings.TrimSpace(value)
		}
	}
	return ""
}

func (c *cluster) serves(t *testing.T, version, kind string) bool {
	path := "/apis/" + version
	if version == "v1" {
		path = "/api/v1"
	}
	out, err := c.try(t, "get", "--raw", path)
	return err == nil && strings.Contains(out, fmt.Sprintf("%q:%q", "kind", kind))
}

// criuCapabilities are those that the policy may add: CHECKPOINT_RESTORE,
// SYS_ADMIN, SYS_TIME and NET_ADMIN, which no container has by default.
const criuCapabilities = 1<<40 | 1<<21 | 1<<25 | 1<<12

func checkCapabilities(t *testing.T, c *cluster) {
	for i, test := range []struct {
		snapshot, dropAll bool
	}{{true, false}, {true, true}, {false, false}, {false, true}} {
		f := function{Name: fmt.Sprintf("caps-%d", i), Image: "pronghorn-e2e/counter-pypy:latest", Replicas: 1,
			Snapshot: test.snapshot, DropAll: test.dropAll}
		t.Run(fmt.Sprintf("label %v, drop ALL %v", test.snapshot, test.dropAll), func(t *testing.T) {
			p := f.start(t, c)[0]
			defer f.remove(t, c)
			set := c.capabilities(t, p)
			t.Logf("effective capabilities %x", set)
			switch {
			case test.snapshot && set&criuCapabilities == 0:
				t.Errorf("the pod has none of CRIU's capabilities: %x", set)
			case !test.snapshot && set&criuCapabilities != 0:
				t.Errorf("the pod has capabilities that nobody asked for: %x", set&criuCapabilities)
			case !test.snapshot && test.dropAll && set != 0:
				t.Errorf("the pod has %d capabilities in spite of drop ALL: %x", bits.OnesCount64(set), set)
			}
			if got := p.call(t); got.Count != 1 {
				t.Errorf("it answered %v, want its first request", got)
			}
		})
	}
}

// goOnInTheNextPod checkpoints a function after its third request and looks
// for the process in the pods that follow.
func goOnInTheNextPod(t *testing.T, c *cluster) {
	for _, f := range []function{
		{Name: "counter-pypy", Image: "pronghorn-e2e/counter-pypy:latest"},
		{Name: "counter-java", Image: "pronghorn-e2e/counter-java:latest"},
		{Name: "counter-drop-all", Image: "pronghorn-e2e/counter-pypy:latest", DropAll: true},
	} {
		f.Snapshot, f.Replicas = true, 1
		f.Env = map[string]string{"snapshot_strategy": "fixed&request_to_checkpoint=3"}
		t.Run(f.Name, func(t *testing.T) {
			p := f.start(t, c)[0]
			t.Cleanup(func() { f.logIfFailed(t, c) })
			defer f.remove(t, c)
			t.Run("checkpoint", func(t *testing.T) { f.checkpointed(t, p) })
			t.Run("restored after kubectl delete pod", func(t *testing.T) { f.restoredAfterDelete(t, c, p) })
			t.Run("five replicas, five restores", func(t *testing.T) { f.restoredFiveTimes(t, c) })
		})
	}
}

func (f function) logIfFailed(t testing.TB, c *cluster) {
	if t.Failed() {
		t.Log(f.logs(t, c))
	}
}

func (f function) checkpointed(t *testing.T, p pod) {
	for i := range 4 {
		if got, want := p.call(t), (count{i + 1, 0}); got != want {
			t.Fatalf("request %d: %v, want %v", i+1, got, want)
		}
	}
	await(t, time.Minute, "a checkpoint in the pool", func() bool { return p.checkpoints(t)["done planned"] == 1 })
}

func (f function) restoredAfterDelete(t *testing.T, c *cluster, old pod) {
	c.kubectl(t, "delete", "pod", "-n", namespace, old.Metadata.Name)
	p := c.readyPods(t, namespace, f.selector(), 1)[0]
	if p.Metadata.UID == old.Metadata.UID {
		t.Fatal("it is the old pod")
	}
	f.wantRestored(t, p)
}

// wantRestored asks a pod whose process has to come from the snapshot of the
// third request.
func (f function) wantRestored(t *testing.T, p pod) {
	t.Helper()
	if got, want := p.call(t), (count{4, 1}); got != want {
		t.Errorf("pod %s: %v, want %v", p.Metadata.Name, got, want)
	}
	if got, want := p.lifetimes(t), map[string]int{"restored planned": 1}; !maps.Equal(got, want) {
		t.Errorf("pod %s: lifetimes %v, want %v", p.Metadata.Name, got, want)
	}
}

func (f function) restoredFiveTimes(t *testing.T, c *cluster) {
	f.scale(t, c, 0)
	for _, p := range f.scale(t, c, 5) {
		f.wantRestored(t, p)
	}
}

// part is one of Pronghorn's services.
type part struct{ name, kind, namespace, workload, selector string }

var parts = []part{
	{"Redis", "statefulset", "stores", "redis", "app.kubernetes.io/name=redis"},
	{"MinIO", "statefulset", "stores", "minio", "app.kubernetes.io/name=minio"},
	{"agent", "deployment", "pronghorn", "pronghorn-agent", "app.kubernetes.io/name=pronghorn-agent"},
	{"KV service", "deployment", "stores", "database", "app.kubernetes.io/name=database"},
}

// loaded are the functions under load. Their processes are evicted every few
// requests, so that plans, restores and checkpoints go on all the time.
func loaded() []function {
	environment := map[string]string{
		"snapshot_strategy":    "request_centric&max_capacity=4&max_requests=1000",
		"snapshot_evict_after": "25",
	}
	return []function{
		{Name: "bfs", Image: "pronghorn/bfs:latest", Snapshot: true, Replicas: 2, Env: environment},
		{Name: "simple-hash", Image: "pronghorn/simple-hash:latest", Snapshot: true, Replicas: 2, Env: environment},
	}
}

// underLoad is the functions with a load on each.
type underLoad struct {
	cluster   *cluster
	functions []function
	pods      []string // their ids
	loads     []*load
}

func startUnderLoad(t *testing.T, c *cluster) *underLoad {
	t.Helper()
	u := &underLoad{cluster: c, functions: loaded()}
	for _, f := range u.functions {
		f.start(t, c)
		t.Cleanup(func() { f.logIfFailed(t, c) })
	}
	u.notePods(t)
	for _, f := range u.functions {
		u.loads = append(u.loads, startLoad(t, f.url(t, c), 4, 500*time.Millisecond))
	}
	return u
}

func (u *underLoad) notePods(t *testing.T) {
	t.Helper()
	u.pods = nil
	for _, f := range u.functions {
		for _, p := range u.cluster.readyPods(t, namespace, f.selector(), f.Replicas) {
			u.pods = append(u.pods, p.Metadata.UID)
		}
	}
}

// enough requests tell something.
const enough = 40

// during runs what happens to the cluster, lets the load go on for a while,
// and wants that no request has failed.
func (u *underLoad) during(t *testing.T, settle time.Duration, what func()) {
	t.Helper()
	var before []int
	for _, l := range u.loads {
		before = append(before, l.sent())
	}
	what()
	time.Sleep(settle)
	for i, l := range u.loads {
		await(t, 2*time.Minute, fmt.Sprintf("%d requests to %s", enough, u.functions[i].Name), func() bool { return l.sent() >= before[i]+enough })
		l.check(t, u.functions[i].Name, before[i])
	}
	u.wantSamePods(t)
	t.Logf("lifetimes so far: %v; checkpoints: %v", u.sum(t, pod.lifetimes), u.sum(t, pod.checkpoints))
}

// wantSamePods wants that no function's pod was replaced or started again: the
// load would not show it where another pod answers.
func (u *underLoad) wantSamePods(t *testing.T) {
	t.Helper()
	for _, f := range u.functions {
		for _, p := range u.cluster.pods(t, namespace, f.selector()) {
			if !slices.Contains(u.pods, p.Metadata.UID) {
				t.Errorf("pod %s of %s is new", p.Metadata.Name, f.Name)
			}
			for _, container := range p.Status.ContainerStatuses {
				if container.RestartCount > 0 {
					t.Errorf("pod %s of %s was restarted", p.Metadata.Name, f.Name)
				}
			}
		}
	}
}

// sum adds up what the functions' pods have counted.
func (u *underLoad) sum(t testing.TB, counted func(pod, testing.TB) map[string]int) map[string]int {
	t.Helper()
	sum := map[string]int{}
	for _, f := range u.functions {
		for _, p := range u.cluster.pods(t, namespace, f.selector()) {
			if !p.ready() {
				continue
			}
			for key, n := range counted(p, t) {
				sum[key] += n
			}
		}
	}
	return sum
}

// hotAgain waits until, from now on, a process is restored and a checkpoint is
// taken: everything that they need is at work.
func (u *underLoad) hotAgain(t *testing.T) {
	t.Helper()
	restored, taken := u.sum(t, pod.lifetimes)["restored planned"], u.sum(t, pod.checkpoints)["done planned"]
	await(t, 3*time.Minute, "a restore and a checkpoint, with all parts there", func() bool {
		return u.sum(t, pod.lifetimes)["restored planned"] > restored && u.sum(t, pod.checkpoints)["done planned"] > taken
	})
}

func partsDie(t *testing.T, c *cluster) {
	u := startUnderLoad(t, c)
	u.hotAgain(t)
	t.Run("nothing", func(t *testing.T) { u.during(t, 15*time.Second, func() {}) })
	for _, f := range u.functions {
		t.Run("a pod of "+f.Name+" deleted", func(t *testing.T) {
			u.during(t, 5*time.Second, func() {
				c.kubectl(t, "delete", "pod", "-n", namespace, c.pods(t, namespace, f.selector())[0].Metadata.Name)
				u.notePods(t)
			})
		})
	}
	for _, p := range parts {
		t.Run(p.name+" pods deleted", func(t *testing.T) {
			u.during(t, 10*time.Second, func() { p.deletePods(t, c) })
			u.hotAgain(t)
		})
	}
	for _, p := range parts {
		t.Run(p.name+" away", func(t *testing.T) {
			replicas := c.kubectl(t, "get", p.kind, p.workload, "-n", p.namespace, "-o", "jsonpath={.spec.replicas}")
			u.during(t, 20*time.Second, func() { c.kubectl(t, "scale", p.kind, p.workload, "-n", p.namespace, "--replicas=0") })
			u.during(t, 10*time.Second, func() { c.kubectl(t, "scale", p.kind, p.workload, "-n", p.namespace, "--replicas="+replicas) })
			u.hotAgain(t)
		})
	}
	for _, l := range u.loads {
		l.end()
	}
}

// deletePods deletes the pods one after the other, each when the one before
// has a successor.
func (p part) deletePods(t *testing.T, c *cluster) {
	pods := c.pods(t, p.namespace, p.selector)
	if len(pods) == 0 {
		t.Fatalf("no pods of %s", p.name)
	}
	for _, old := range pods {
		c.kubectl(t, "delete", "pod", "-n", p.namespace, old.Metadata.Name)
		c.readyPods(t, p.namespace, p.selector, len(pods))
	}
}

// deployAgain compares everything that deploy.sh makes before and after a
// second run of it.
func deployAgain(t *testing.T, c *cluster) {
	before := c.objects(t)
	t.Log(c.deploy(t))
	t.Log(c.deploy(t, "--status"))
	after := c.objects(t)
	for _, name := range slices.Sorted(maps.Keys(before)) {
		if after[name] != before[name] {
			t.Errorf("%s was %s and is %s", name, before[name], after[name])
		}
	}
	for _, name := range slices.Sorted(maps.Keys(after)) {
		if before[name] == "" {
			t.Errorf("%s is new", name)
		}
	}
}

// objects are what deploy.sh may touch: of each its identity and its version;
// of pods the identity alone, and of what has a status its generation.
func (c *cluster) objects(t testing.TB) map[string]string {
	t.Helper()
	found := map[string]string{}
	note := func(version string, args ...string) {
		out := c.kubectl(t, append([]string{"get", "-o", "jsonpath={range .items[*]}{.kind}/{.metadata.namespace}/{.metadata.name}={.metadata.uid}" + version + "{\"\\n\"}{end}"}, args...)...)
		for line := range strings.Lines(out) {
			name, version, _ := strings.Cut(strings.TrimSpace(line), "=")
			found[name] = version
		}
	}
	for _, ns := range []string{"pronghorn", "stores", namespace} {
		note("", "pods,persistentvolumeclaims", "-n", ns)
		note("/{.metadata.generation}", "deployments,statefulsets,poddisruptionbudgets", "-n", ns)
		note("/{.metadata.resourceVersion}", "secrets,configmaps,services,networkpolicies,serviceaccounts", "-n", ns)
	}
	note("/{.metadata.generation}", "mutatingadmissionpolicies,mutatingadmissionpolicybindings")
	return found
}

func removeUnderLoad(t *testing.T, c *cluster) {
	u := startUnderLoad(t, c)
	u.during(t, 30*time.Second, func() { t.Log(c.deploy(t, "--remove")) })
	for _, l := range u.loads {
		l.end()
	}
	c.wantNothingOf(t, "deployments,statefulsets,services,networkpolicies,poddisruptionbudgets,pods", "-n", "pronghorn")
	c.wantNothingOf(t, "deployments,statefulsets,services,networkpolicies,poddisruptionbudgets,pods", "-n", "stores")
	c.wantNothingOf(t, "mutatingadmissionpolicies,mutatingadmissionpolicybindings")
	for _, f := range u.functions {
		t.Run(f.Name+" starts cold", func(t *testing.T) { f.wantCold(t, c) })
	}
	t.Log(c.deploy(t, "--remove", "--data"))
	for _, ns := range []string{"pronghorn", "stores"} {
		if out, err := c.try(t, "get", "namespace", ns); err == nil {
			t.Errorf("the namespace is still there: %s", out)
		}
	}
}

func (c *cluster) wantNothingOf(t *testing.T, args ...string) {
	t.Helper()
	if out := c.kubectl(t, append([]string{"get", "-o", "name"}, args...)...); out != "" {
		t.Errorf("still there: %s", out)
	}
}

// wantCold deletes the pods and wants that the next ones serve, without a
// snapshot and without capabilities.
func (f function) wantCold(t *testing.T, c *cluster) {
	c.kubectl(t, "delete", "pod", "-n", namespace, "-l", f.selector())
	for _, p := range c.readyPods(t, namespace, f.selector(), f.Replicas) {
		get(t, "http://"+p.Status.PodIP+":8080/")
		if set := c.capabilities(t, p); set&criuCapabilities != 0 {
			t.Errorf("pod %s still has capabilities: %x", p.Metadata.Name, set)
		}
		for kind, n := range p.lifetimes(t) {
			if !strings.HasPrefix(kind, "cold ") {
				t.Errorf("pod %s: %d lifetimes %s, want cold ones", p.Metadata.Name, n, kind)
			}
		}
	}
}
