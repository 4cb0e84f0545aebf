package kubernetes

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/pronghorn-faas/pronghorn/internal/child"
	"github.com/pronghorn-faas/pronghorn/internal/require"
)

// cluster is a real API server with etcd and the controllers for namespaces,
// on loopback, without nodes.
type cluster struct{ kubectl, kubeconfig string }

func (c cluster) env() []string {
	return []string{"KUBECTL=" + c.kubectl, "KUBECONFIG=" + c.kubeconfig}
}

// run runs kubectl, with input if there is any.
func (c cluster) run(ctx context.Context, input string, args ...string) (string, error) {
	cmd := exec.CommandContext(ctx, c.kubectl, args...)
	cmd.Env = append(os.Environ(), c.env()...)
	cmd.Stdin = strings.NewReader(input)
	var out, errs bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errs
	if err := cmd.Run(); err != nil {
		return "", fmt.Errorf("kubectl %s: %w: %s", strings.Join(args, " "), err, errs.String())
	}
	return out.String(), nil
}

func (c cluster) must(t *testing.T, input string, args ...string) string {
	t.Helper()
	out, err := c.run(t.Context(), input, args...)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// startCluster starts one, with the programs that scripts/k8s.sh builds.
func startCluster(t *testing.T) cluster {
	t.Helper()
	programs := filepath.Join(require.Prefix(), "kubernetes/bin")
	for _, name := range []string{"etcd", "kube-apiserver", "kube-controller-manager", "kubectl"} {
		_, err := os.Stat(filepath.Join(programs, name))
		require.Component(t, "kubernetes", err == nil, name+" is not there: run scripts/k8s.sh build")
	}
	dir := t.TempDir()
	c := cluster{filepath.Join(programs, "kubectl"), filepath.Join(dir, "kubeconfig")}
	ports := freePorts(t, 4)
	token := rand.Text()
	write(t, filepath.Join(dir, "tokens.csv"), token+`,admin,admin,"system:masters"`)
	write(t, c.kubeconfig, fmt.Sprintf(`{"apiVersion": "v1", "kind": "Config", "current-context": "c",
"clusters": [{"name": "c", "cluster": {"server": "https://127.0.0.1:%d", "insecure-skip-tls-verify": true}}],
"users": [{"name": "u", "user": {"token": %q}}], "contexts": [{"name": "c", "context": {"cluster": "c", "user": "u"}}]}`, ports[0], token))
	etcd := fmt.Sprintf("http://127.0.0.1:%d", ports[1])
	background(t, dir, filepath.Join(programs, "etcd"), "--data-dir="+filepath.Join(dir, "etcd"), "--unsafe-no-fsync",
		"--listen-client-urls="+etcd, "--advertise-client-urls="+etcd, fmt.Sprintf("--listen-peer-urls=http://127.0.0.1:%d", ports[2]))
	makeKey(t, filepath.Join(dir, "sa.key"))
	background(t, dir, filepath.Join(programs, "kube-apiserver"), "--etcd-servers="+etcd, "--cert-dir="+filepath.Join(dir, "pki"),
		"--bind-address=127.0.0.1", fmt.Sprintf("--secure-port=%d", ports[0]), "--service-cluster-ip-range=10.96.0.0/16",
		"--service-account-key-file="+dir+"/sa.key", "--service-account-signing-key-file="+dir+"/sa.key", "--service-account-issuer=https://test.invalid",
		"--token-auth-file="+dir+"/tokens.csv", "--authorization-mode=RBAC", "--endpoint-reconciler-type=none",
		"--feature-gates=MutatingAdmissionPolicy=true", "--runtime-config=admissionregistration.k8s.io/v1beta1=true")
	await(t, "the API server", func() error { _, err := c.run(t.Context(), "", "get", "--raw", "/readyz"); return err })
	background(t, dir, filepath.Join(programs, "kube-controller-manager"), "--kubeconfig="+c.kubeconfig, "--leader-elect=false",
		"--bind-address=127.0.0.1", fmt.Sprintf("--secure-port=%d", ports[3]), "--service-account-private-key-file="+dir+"/sa.key",
		"--controllers=namespace-controller,serviceaccount-controller,root-ca-certificate-publisher-controller,garbage-collector-controller")
	return c
}

func freePorts(t *testing.T, n int) []int {
	t.Helper()
	var ports []int
	for range n {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = l.Close() }() // all at the end, so that they differ
		ports = append(ports, l.Addr().(*net.TCPAddr).Port)
	}
	return ports
}

func write(t *testing.T, path, text string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

// background runs a program until the test ends; its log is shown if that fails.
func background(t *testing.T, dir, program string, args ...string) {
	t.Helper()
	path := filepath.Join(dir, filepath.Base(program)+".log")
	log, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(program, args...)
	cmd.Stdout, cmd.Stderr = log, log
	ended, err := child.Start(cmd)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		<-ended
		_ = log.Close()
		if raw, err := os.ReadFile(path); err == nil && t.Failed() {
			t.Logf("the end of the log of %s:\n%s", filepath.Base(program), raw[max(0, len(raw)-2000):])
		}
	})
}

func await(t *testing.T, what string, try func() error) {
	t.Helper()
	deadline := time.Now().Add(90 * time.Second)
	for {
		err := try()
		if err == nil {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("%s: %v", what, err)
		}
		time.Sleep(300 * time.Millisecond)
	}
}

// The API server accepts everything, the policy does to pods what it says and
// to others nothing, and a second run changes nothing.
func TestOnAnAPIServer(t *testing.T) {
	c := startCluster(t)
	c.must(t, "", "create", "namespace", "openfaas-fn")
	await(t, "the service account", func() error {
		_, err := c.run(t.Context(), "", "get", "serviceaccount", "default", "-n", "openfaas-fn")
		return err
	})
	t.Run("baseline is refused before anything is changed", func(t *testing.T) { refuseBaseline(t, c) })
	t.Run("manifests", func(t *testing.T) { applyAll(t, c) })
	t.Run("what else there is", func(t *testing.T) { validate(t, c) })
	t.Run("policy", func(t *testing.T) { checkPolicy(t, c) })
	t.Run("remove", func(t *testing.T) { removeAll(t, c) })
}

func refuseBaseline(t *testing.T, c cluster) {
	const label = "pod-security.kubernetes.io/enforce"
	c.must(t, "", "label", "namespace", "openfaas-fn", label+"=baseline")
	defer c.must(t, "", "label", "namespace", "openfaas-fn", label+"-")
	_, stderr, code := script(t.Context(), t, c.env(), "--ephemeral", "--skip-probe")
	if code != 1 || !strings.Contains(stderr, "--set-pod-security") {
		t.Errorf("got code %d and %q, want 1 and the flag that changes the level", code, stderr)
	}
	if _, err := c.run(t.Context(), "", "get", "namespace", "pronghorn"); err == nil {
		t.Error("something was installed")
	}
}

// applyAll has deploy.sh apply everything. Without nodes nothing gets ready, so
// it ends with 1 after the services, twice.
func applyAll(t *testing.T, c cluster) {
	args := []string{"--ephemeral", "--skip-probe", "--timeout", "1"}
	stdout, stderr, code := script(t.Context(), t, c.env(), args...)
	if code != 1 || !strings.Contains(stdout, "made so: StatefulSet stores/minio") || !strings.Contains(stderr, "statefulset/redis in stores is not ready") {
		t.Fatalf("got code %d, output %s, error %s; want everything applied, and Redis not ready", code, stdout, stderr)
	}
	before := c.versions(t)
	stdout, stderr, _ = script(t.Context(), t, c.env(), args[1:]...) // --ephemeral is remembered
	if strings.Contains(stdout, "made so") || strings.Contains(stdout, "created") {
		t.Errorf("the second run says that it changed something:\n%s%s", stdout, stderr)
	}
	if diff := cmp.Diff(before, c.versions(t)); diff != "" || len(before) < 10 {
		t.Errorf("the second run changed something (-before +after)\n%s", diff)
	}
	c.must(t, c.must(t, "", "kustomize", "policy/v1beta1"), "apply", "-f", "-")
}

// validate has the API server check what it has not seen yet.
func validate(t *testing.T, c cluster) {
	for what, args := range map[string][]string{
		"default":         {"--policy", "v1beta1"},
		"an S3":           {"--policy", "v1beta1", "--s3-url", "s3://h/bucket", "--strategy", "cold", "--apparmor-unconfined"},
		"smallest rights": {"--policy", "v1beta1", "--rights", "smallest", "--staging-size", "0"},
		"no policy":       {"--policy", "none", "--s3-url", "s3://h/bucket", "--image", "host:5000/p:v1"},
	} {
		out, stderr, code := script(t.Context(), t, c.env(), append([]string{"--render", "--ephemeral"}, args...)...)
		if code != 0 {
			t.Fatalf("%s: code %d: %s", what, code, stderr)
		}
		c.must(t, out, "apply", "--dry-run=server", "--validate=strict", "-f", "-")
	}
	for _, path := range []string{"probe/pod.yaml", "../plain/bfs.yaml", "../plain/simple-hash.yaml"} {
		c.must(t, "", "apply", "--dry-run=server", "--validate=strict", "-f", path)
	}
}

// versions are those of everything that deploy.sh makes.
func (c cluster) versions(t *testing.T) map[string]string {
	t.Helper()
	var list struct {
		Items []struct {
			Kind     string
			Metadata struct {
				Name, Namespace, ResourceVersion string
				Generation                       int
			}
		}
	}
	out := c.must(t, "", "get", "deployment,statefulset,service,secret,configmap,networkpolicy,poddisruptionbudget", "-A", "-l", "app.kubernetes.io/part-of=pronghorn", "-o", "json")
	if err := json.Unmarshal([]byte(out), &list); err != nil {
		t.Fatal(err)
	}
	found := map[string]string{}
	for _, i := range list.Items {
		found[i.Kind+" "+i.Metadata.Namespace+"/"+i.Metadata.Name] = i.Metadata.ResourceVersion
	}
	return found
}

// rights are the capabilities with which restored processes keep their clock, and
// may get memory later.
var rights = []string{"SYS_ADMIN", "SYS_TIME", "NET_ADMIN", "SYS_CHROOT", "SETPCAP", "SYS_PTRACE", "SYS_NICE"}

// container is what the policy may change of a container.
type container struct {
	Name            string
	SecurityContext struct {
		AllowPrivilegeEscalation, RunAsNonRoot *bool
		RunAsUser                              *int64
		SeccompProfile                         struct{ Type string }
		Capabilities                           struct{ Add, Drop []string }
	}
	VolumeMounts []struct{ Name, MountPath string }
	Env          []struct{ Name, Value string }
}

func (c container) plain() bool {
	return len(c.SecurityContext.Capabilities.Add) == 0 && c.SecurityContext.AllowPrivilegeEscalation == nil &&
		c.SecurityContext.SeccompProfile.Type == "" && c.shm() == ""
}

// shm is the volume at /dev/shm.
func (c container) shm() string {
	for _, m := range c.VolumeMounts {
		if m.MountPath == "/dev/shm" {
			return m.Name
		}
	}
	return ""
}

// problem says why the container does not have the rights, "" if it has.
func (c container) problem(add, drop []string, shm string) string {
	s := c.SecurityContext
	switch {
	case !cmp.Equal(s.Capabilities.Add, add):
		return fmt.Sprintf("it has %v, want %v", s.Capabilities.Add, add)
	case !cmp.Equal(s.Capabilities.Drop, drop):
		return fmt.Sprintf("it drops %v, want %v", s.Capabilities.Drop, drop)
	case s.AllowPrivilegeEscalation == nil || !*s.AllowPrivilegeEscalation:
		return "it may not get more rights"
	case s.RunAsUser == nil || *s.RunAsUser != 0 || s.RunAsNonRoot == nil || *s.RunAsNonRoot:
		return "it is not root"
	case s.SeccompProfile.Type != "Unconfined":
		return "it has a seccomp filter"
	case c.shm() != shm:
		return fmt.Sprintf("%q is at /dev/shm, want %q", c.shm(), shm)
	}
	return ""
}

func checkPolicy(t *testing.T, c cluster) {
	c.must(t, "", "create", "namespace", "elsewhere")
	await(t, "the policy", func() error {
		if got := c.admit(t, "openfaas-fn", `{snapshot: "true"}`, "{containers: [{name: f, image: i}]}"); got[0].plain() {
			return fmt.Errorf("it does nothing: %+v", got)
		}
		return nil
	})
	with := func(more ...string) []string { return append(append([]string{}, more...), rights...) }
	for what, p := range map[string]struct {
		namespace, labels, spec string
		changed                 int // index of the container; -1 is none
		add, drop               []string
		shm                     string
	}{
		"a pod of the Community Edition": {labels: `{snapshot: "true", faas_function: f}`,
			spec: "{containers: [{name: f, image: i, securityContext: {readOnlyRootFilesystem: false}}]}", add: rights, shm: "pronghorn-staging"},
		"one of the Enterprise edition": {labels: `{snapshot: "true", faas_function: f}`,
			spec: "{containers: [{name: f, image: i, securityContext: {allowPrivilegeEscalation: false, capabilities: {drop: [ALL]}}}]}",
			add:  rights, drop: []string{"ALL"}, shm: "pronghorn-staging"},
		"one with another user": {labels: `{snapshot: "true", faas_function: f}`,
			spec: "{securityContext: {runAsNonRoot: true}, containers: [{name: f, image: i, securityContext: {runAsUser: 12000}}]}", add: rights, shm: "pronghorn-staging"},
		"one without a security context": {labels: `{snapshot: "true"}`, spec: "{containers: [{name: f, image: i}]}", add: rights, shm: "pronghorn-staging"},
		"one with capabilities of its own": {labels: `{snapshot: "true"}`,
			spec: "{containers: [{name: f, image: i, securityContext: {capabilities: {add: [NET_RAW]}}}]}", add: with("NET_RAW"), shm: "pronghorn-staging"},
		"one with some of them": {labels: `{snapshot: "true"}`,
			spec: "{containers: [{name: f, image: i, securityContext: {capabilities: {add: [SYS_CHROOT, SETPCAP]}}}]}",
			add:  []string{"SYS_CHROOT", "SETPCAP", "SYS_ADMIN", "SYS_TIME", "NET_ADMIN", "SYS_PTRACE", "SYS_NICE"}, shm: "pronghorn-staging"},
		"one with a sidecar before the function": {labels: `{snapshot: "true", faas_function: f}`,
			spec: "{containers: [{name: proxy, image: i}, {name: f, image: i}]}", changed: 1, add: rights, shm: "pronghorn-staging"},
		"one with volumes": {labels: `{snapshot: "true", faas_function: f}`,
			spec: "{containers: [{name: f, image: i, volumeMounts: [{name: v, mountPath: /v}]}], volumes: [{name: v, emptyDir: {}}]}", add: rights, shm: "pronghorn-staging"},
		"one with its own /dev/shm": {labels: `{snapshot: "true", faas_function: f}`,
			spec: "{containers: [{name: f, image: i, volumeMounts: [{name: v, mountPath: /dev/shm}]}], volumes: [{name: v, emptyDir: {}}]}", add: rights, shm: "v"},
		"one without a token of the cluster": {labels: `{snapshot: "true"}`,
			spec: "{automountServiceAccountToken: false, containers: [{name: f, image: i}]}", add: rights, shm: "pronghorn-staging"},
		"one without the label":    {labels: "{faas_function: f}", spec: "{containers: [{name: f, image: i}]}", changed: -1},
		"one that says no":         {labels: `{snapshot: "false"}`, spec: "{containers: [{name: f, image: i}]}", changed: -1},
		"one in another namespace": {namespace: "elsewhere", labels: `{snapshot: "true"}`, spec: "{containers: [{name: f, image: i}]}", changed: -1},
	} {
		t.Run(what, func(t *testing.T) {
			namespace := p.namespace
			if namespace == "" {
				namespace = "openfaas-fn"
			}
			for i, got := range c.admit(t, namespace, p.labels, p.spec) {
				if i == p.changed {
					if problem := got.problem(p.add, p.drop, p.shm); problem != "" {
						t.Errorf("container %s: %s", got.Name, problem)
					}
				} else if !got.plain() {
					t.Errorf("container %s was changed: %+v", got.Name, got)
				}
			}
		})
	}
	t.Run("with the smallest rights", func(t *testing.T) { checkSmallest(t, c) })
	t.Run("with a cache of the node", func(t *testing.T) { checkCache(t, c) })
	t.Run("one where Pod Security enforces baseline is let in as it is", func(t *testing.T) {
		c.must(t, "", "label", "namespace", "openfaas-fn", "pod-security.kubernetes.io/enforce=baseline")
		await(t, "the label", func() error {
			if got := c.admit(t, "openfaas-fn", `{snapshot: "true"}`, "{containers: [{name: f, image: i}]}"); !got[0].plain() {
				return fmt.Errorf("it was changed: %+v", got)
			}
			return nil
		})
	})
}

// checkSmallest gives fewer rights, as --rights smallest does: what a pod says
// of privilege escalation stays.
func checkSmallest(t *testing.T, c cluster) {
	out, stderr, code := script(t.Context(), t, c.env(), "--render", "--policy", "v1beta1", "--rights", "smallest", "--ephemeral")
	if code != 0 {
		t.Fatalf("code %d: %s", code, stderr)
	}
	c.must(t, out, "apply", "-f", "-")
	await(t, "the smallest rights", func() error {
		got := c.admit(t, "openfaas-fn", `{snapshot: "true"}`, "{containers: [{name: f, image: i, securityContext: {allowPrivilegeEscalation: false, capabilities: {drop: [ALL]}}}]}")
		s := got[0].SecurityContext
		if !cmp.Equal(s.Capabilities.Add, []string{"CHECKPOINT_RESTORE", "SETPCAP"}) || *s.AllowPrivilegeEscalation || s.RunAsUser == nil || *s.RunAsUser != 0 {
			return fmt.Errorf("it got %+v", s)
		}
		return nil
	})
}

// checkCache turns the cache on, as --node-cache does.
func checkCache(t *testing.T, c cluster) {
	out, stderr, code := script(t.Context(), t, c.env(), "--render", "--policy", "v1beta1", "--node-cache", "/var/lib/pronghorn/cache", "--ephemeral")
	if code != 0 {
		t.Fatalf("code %d: %s", code, stderr)
	}
	c.must(t, out, "apply", "-f", "-")
	for what, spec := range map[string]string{
		"nothing there":        "{automountServiceAccountToken: false, containers: [{name: f, image: i}]}",
		"variables and mounts": "{containers: [{name: f, image: i, env: [{name: a, value: b}], volumeMounts: [{name: v, mountPath: /v}]}], volumes: [{name: v, emptyDir: {}}]}",
	} {
		await(t, what, func() error {
			got := c.admit(t, "openfaas-fn", `{snapshot: "true", faas_function: f}`, spec)[0]
			mounts := map[string]string{}
			for _, m := range got.VolumeMounts {
				mounts[m.MountPath] = m.Name
			}
			if n := len(got.Env); n == 0 || got.Env[n-1].Name != "snapshot_cache_dir" || mounts["/var/cache/pronghorn"] != "pronghorn-cache" || mounts["/dev/shm"] != "pronghorn-staging" {
				return fmt.Errorf("it got the variables %v and the mounts %v", got.Env, mounts)
			}
			return nil
		})
	}
}

// admit asks what would become of a pod.
func (c cluster) admit(t *testing.T, namespace, labels, spec string) []container {
	t.Helper()
	manifest := fmt.Sprintf("{apiVersion: v1, kind: Pod, metadata: {name: p, namespace: %s, labels: %s}, spec: %s}", namespace, labels, spec)
	out, err := c.run(t.Context(), manifest, "create", "--dry-run=server", "-o", "json", "-f", "-")
	if err != nil {
		t.Fatal(err)
	}
	var pod struct {
		Spec struct{ Containers []container }
	}
	if err := json.Unmarshal([]byte(out), &pod); err != nil {
		t.Fatal(err)
	}
	return pod.Spec.Containers
}

// makeKey writes a key for the tokens of service accounts.
func makeKey(t *testing.T, path string) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	der, err := x509.MarshalECPrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	write(t, path, string(pem.EncodeToMemory(&pem.Block{Type: "EC PRIVATE KEY", Bytes: der})))
}

// removeAll takes everything away, in two steps: the data only when asked.
func removeAll(t *testing.T, c cluster) {
	c.must(t, "{apiVersion: v1, kind: Secret, metadata: {name: pronghorn-token-f, namespace: openfaas-fn, labels: {app.kubernetes.io/part-of: pronghorn}}}", "create", "-f", "-")
	c.must(t, "{apiVersion: v1, kind: Secret, metadata: {name: of-others, namespace: stores}}", "create", "-f", "-")
	kinds := func() string {
		var found []string
		for what := range c.versions(t) {
			kind, _, _ := strings.Cut(what, " ")
			if !slices.Contains(found, kind) {
				found = append(found, kind)
			}
		}
		slices.Sort(found)
		return strings.Join(found, " ")
	}
	for _, step := range []struct {
		args       []string
		said, left string
	}{
		{[]string{"--remove"}, "kubectl delete -n openfaas-fn secret/pronghorn-token-f", "ConfigMap Secret"},
		{[]string{"--remove"}, "volumes and secrets stay", "ConfigMap Secret"}, // once more is no error
		{[]string{"--remove", "--data"}, `namespace "pronghorn" deleted`, "Secret"},
	} {
		stdout, stderr, code := script(t.Context(), t, c.env(), append(step.args, "--timeout", "60")...)
		if code != 0 || !strings.Contains(stdout, step.said) {
			t.Errorf("%v: got code %d, output %s, error %s; want %q", step.args, code, stdout, stderr, step.said)
		}
		if got := kinds(); got != step.left {
			t.Errorf("%v: what is left is %q, want %q", step.args, got, step.left)
		}
		if got := c.must(t, "", "get", "mutatingadmissionpolicy", "-o", "name"); got != "" {
			t.Errorf("%v: the policy is still there: %s", step.args, got)
		}
	}
	// What functions mount and what others have stays.
	c.must(t, "", "get", "secret", "pronghorn-token-f", "-n", "openfaas-fn")
	c.must(t, "", "get", "secret", "of-others", "-n", "stores")
}
