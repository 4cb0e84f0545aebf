package kubernetes

import (
	"bytes"
	"context"
	"errors"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"go.yaml.in/yaml/v3"

	"github.com/pronghorn-faas/pronghorn/internal/require"
)

const root = "../.."

// object is a Kubernetes object as YAML has it.
type object = map[string]any

func decode(t *testing.T, raw []byte) []object {
	t.Helper()
	var found []object
	for decoder := yaml.NewDecoder(bytes.NewReader(raw)); ; {
		var o object
		switch err := decoder.Decode(&o); {
		case errors.Is(err, io.EOF):
			return found
		case err != nil:
			t.Fatal(err)
		case o != nil:
			found = append(found, o)
		}
	}
}

// files decodes all YAML files of a directory and those below it.
func files(t *testing.T, dir string) map[string][]object {
	t.Helper()
	found := map[string][]object{}
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || filepath.Ext(path) != ".yaml" || d.Name() == "kustomization.yaml" {
			return err
		}
		raw, err := os.ReadFile(path)
		found[path] = decode(t, raw)
		return err
	})
	if err != nil || len(found) == 0 {
		t.Fatalf("%d files in %s: %v", len(found), dir, err)
	}
	return found
}

// at walks down an object by keys and indices; what is not there is nil.
func at(o any, path ...any) any {
	for _, step := range path {
		switch s := step.(type) {
		case string:
			m, _ := o.(object)
			o = m[s]
		case int:
			list, _ := o.([]any)
			if s >= len(list) {
				return nil
			}
			o = list[s]
		}
	}
	return o
}

// workloads are the pod templates of base and minio, by name.
func workloads(t *testing.T) map[string]object {
	t.Helper()
	found := map[string]object{}
	for _, dir := range []string{"base", "components/minio"} {
		for path, objects := range files(t, dir) {
			for _, o := range objects {
				if template, ok := at(o, "spec", "template").(object); ok && filepath.Base(path) != "agent.yaml" || ok && dir == "base" {
					found[at(o, "metadata", "name").(string)] = template
				}
			}
		}
	}
	return found
}

// What every pod of ours must say, so that the namespaces can be restricted.
func TestServicesRunWithoutAnyPrivilege(t *testing.T) {
	all := workloads(t)
	if len(all) != 4 {
		t.Fatalf("got %d workloads, want the agent, the KV service, Redis and MinIO", len(all))
	}
	container := func(path ...any) []any { return append([]any{"spec", "containers", 0}, path...) }
	for name, template := range all {
		for claim, c := range map[string]struct {
			path []any
			want any
		}{
			"is not root":                          {[]any{"spec", "securityContext", "runAsNonRoot"}, true},
			"has a seccomp filter":                 {[]any{"spec", "securityContext", "seccompProfile", "type"}, "RuntimeDefault"},
			"has no token of the cluster":          {[]any{"spec", "automountServiceAccountToken"}, false},
			"has a read-only root file system":     {container("securityContext", "readOnlyRootFilesystem"), true},
			"cannot get more rights":               {container("securityContext", "allowPrivilegeEscalation"), false},
			"has no capability":                    {container("securityContext", "capabilities", "drop"), []any{"ALL"}},
			"works without a registry":             {container("imagePullPolicy"), "IfNotPresent"},
			"has one container, whose claims hold": {[]any{"spec", "containers", 1}, nil},
		} {
			if diff := cmp.Diff(c.want, at(template, c.path...)); diff != "" {
				t.Errorf("%s: it %s: (-want +got)\n%s", name, claim, diff)
			}
		}
		for _, needed := range [][]any{
			container("readinessProbe"), container("livenessProbe"),
			container("resources", "requests", "cpu"), container("resources", "requests", "memory"), container("resources", "limits", "memory"),
		} {
			if at(template, needed...) == nil {
				t.Errorf("%s has no %v", name, needed)
			}
		}
	}
}

func TestWhatRunsTwiceIsNotDrainedAtOnce(t *testing.T) {
	budgets, twice := map[string]any{}, 0
	for _, objects := range files(t, "base") {
		for _, o := range objects {
			if o["kind"] == "PodDisruptionBudget" {
				budgets[at(o, "metadata", "name").(string)] = at(o, "spec", "minAvailable")
			}
		}
	}
	for _, objects := range files(t, "base") {
		for _, o := range objects {
			if at(o, "spec", "replicas") == 2 {
				twice++
				if name := at(o, "metadata", "name").(string); budgets[name] != 1 {
					t.Errorf("%s: got a budget of %v, want minAvailable 1", name, budgets[name])
				}
			}
		}
	}
	if twice != 2 {
		t.Errorf("got %d deployments with two replicas, want the agent and the KV service", twice)
	}
}

// Images have a tag, and secrets and passwords are in no file.
func TestManifestsHoldNoSecretsAndPinImages(t *testing.T) {
	for path, objects := range files(t, ".") {
		raw, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		if regexp.MustCompile(`(?i)minioadmin|password: *["']?[a-z0-9]`).Match(raw) {
			t.Errorf("%s holds a password", path)
		}
		for _, o := range objects {
			if o["kind"] == "Secret" {
				t.Errorf("%s holds a secret", path)
			}
		}
		for _, image := range regexp.MustCompile(`(?m)^\s*image: *(\S+)`).FindAllSubmatch(raw, -1) {
			if !strings.Contains(filepath.Base(string(image[1])), ":") {
				t.Errorf("%s: the image %s has no tag", path, image[1])
			}
		}
	}
}

func TestThePolicyIsTheSameInBothForms(t *testing.T) {
	admission, kyverno := files(t, "policy/base")["policy/base/policy.yaml"][0], files(t, "policy/kyverno")["policy/kyverno/policy.yaml"][0]
	if at(kyverno, "spec", "autogen", "podControllers", "controllers") == nil {
		t.Error("Kyverno would change Deployments, too: want no controllers")
	}
	delete(kyverno["spec"].(object), "autogen")
	if diff := cmp.Diff(admission["spec"], kyverno["spec"]); diff != "" {
		t.Errorf("(-admission policy +Kyverno's)\n%s", diff)
	}
}

// What deploy.sh tries in a pod is what the policy gives.
func TestTheProbeHasTheRightsOfThePolicy(t *testing.T) {
	policy, probe := files(t, "policy/base")["policy/base/policy.yaml"][0], files(t, "probe")["probe/pod.yaml"][0]
	var want []string
	for _, name := range regexp.MustCompile(`[A-Z_]+`).FindAllString(at(policy, "spec", "variables", 0, "expression").(string), -1) {
		want = append(want, name)
	}
	var got []string
	for _, name := range at(probe, "spec", "containers", 0, "securityContext", "capabilities", "add").([]any) {
		got = append(got, name.(string))
	}
	if diff := cmp.Diff(want, got); diff != "" || len(want) == 0 {
		t.Errorf("capabilities (-policy +probe)\n%s", diff)
	}
}

// script runs deploy.sh and returns what it wrote and its exit code.
func script(ctx context.Context, t *testing.T, env []string, args ...string) (stdout, stderr string, code int) {
	t.Helper()
	cmd := exec.CommandContext(ctx, root+"/deploy.sh", args...)
	cmd.Env = append(os.Environ(), env...)
	var out, errs bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errs
	var exit *exec.ExitError
	if err := cmd.Run(); err != nil && !errors.As(err, &exit) {
		t.Fatal(err)
	}
	return out.String(), errs.String(), cmd.ProcessState.ExitCode()
}

func TestWrongUsageIsRefused(t *testing.T) {
	for what, c := range map[string]struct {
		args []string
		want string
	}{
		"an unknown flag":               {[]string{"--foo"}, "unknown argument '--foo'"},
		"a missing value":               {[]string{"--image"}, "--image wants a value"},
		"two actions":                   {[]string{"--status", "--remove"}, "exclude each other"},
		"data without remove":           {[]string{"--data"}, "goes with --remove"},
		"unknown rights":                {[]string{"--rights", "all"}, "clock or smallest"},
		"an unknown policy":             {[]string{"--policy", "x"}, "v1beta1"},
		"a size that is none":           {[]string{"--pool-size", "big"}, "such as 10Gi"},
		"the services' namespace":       {[]string{"--namespace", "stores"}, "a namespace of their own"},
		"credentials on a command line": {[]string{"--s3-url", "s3://a:b@host/bucket"}, "without credentials"},
		"storage and none":              {[]string{"--ephemeral", "--storage-class", "x"}, "exclude each other"},
		"a cache in the root directory": {[]string{"--node-cache", "/var"}, "a directory of the nodes"},
		"a timeout that is none":        {[]string{"--timeout", "0"}, "want seconds"},
	} {
		t.Run(what, func(t *testing.T) {
			stdout, stderr, code := script(t.Context(), t, nil, c.args...)
			if code != 2 || !strings.Contains(stderr, c.want) || stdout != "" {
				t.Errorf("got code %d, output %q, error %q; want code 2, no output, and %q", code, stdout, stderr, c.want)
			}
		})
	}
}

func TestWithoutAClusterItSaysSo(t *testing.T) {
	kubectl := kubectl(t)
	for _, args := range [][]string{nil, {"--check"}, {"--dry-run"}, {"--status"}, {"--remove"}, {"--function", "f"}} {
		_, stderr, code := script(t.Context(), t, []string{"KUBECTL=" + kubectl, "KUBECONFIG=/dev/null"}, args...)
		if code != 1 || !strings.Contains(stderr, "no cluster answers") {
			t.Errorf("%v: got code %d and %q, want 1 and that no cluster answers", args, code, stderr)
		}
	}
}

// kubectl is the one that scripts/k8s.sh builds, else that of the PATH.
func kubectl(t *testing.T) string {
	t.Helper()
	if path := filepath.Join(require.Prefix(), "kubernetes/bin/kubectl"); exec.Command(path, "version", "--client").Run() == nil {
		require.Component(t, "kubectl", true, "")
		return path
	}
	return require.Program(t, "kubectl", "kubectl")
}

// rendered is what deploy.sh --render prints.
func rendered(t *testing.T, args ...string) map[string]object {
	t.Helper()
	stdout, stderr, code := script(t.Context(), t, []string{"KUBECTL=" + kubectl(t)}, append([]string{"--render"}, args...)...)
	if code != 0 {
		t.Fatalf("code %d: %s", code, stderr)
	}
	found := map[string]object{}
	for _, o := range decode(t, []byte(stdout)) {
		found[o["kind"].(string)+"/"+at(o, "metadata", "name").(string)] = o
	}
	return found
}

func TestSettingsReachTheManifests(t *testing.T) {
	env := func(o object, name string) any {
		for _, v := range at(o, "spec", "template", "spec", "containers", 0, "env").([]any) {
			if at(v, "name") == name {
				return at(v, "value")
			}
		}
		return nil
	}
	agent, policy := "Deployment/pronghorn-agent", "MutatingAdmissionPolicy/pronghorn-function-rights"
	claim := []any{"spec", "volumeClaimTemplates", 0, "spec"}
	for what, c := range map[string]struct {
		args []string
		get  func(map[string]object) any
		want any
	}{
		"the pool is MinIO": {nil, func(m map[string]object) any { return env(m[agent], "PRONGHORN_POOL") },
			"s3://minio-svc.stores:9000/checkpoints?insecure=true"},
		"another S3": {[]string{"--s3-url", "s3://h/b?region=x"},
			func(m map[string]object) any { return env(m[agent], "PRONGHORN_POOL") }, "s3://h/b?region=x"},
		"then there is no MinIO": {[]string{"--s3-url", "s3://h/b"}, func(m map[string]object) any { return len(m["StatefulSet/minio"]) }, 0},
		"a strategy": {[]string{"--strategy", "request_centric&max_capacity=12"},
			func(m map[string]object) any { return env(m[agent], "PRONGHORN_STRATEGY") }, "request_centric&max_capacity=12"},
		"an image": {[]string{"--image", "localhost:5000/p:v2"},
			func(m map[string]object) any {
				return at(m[agent], "spec", "template", "spec", "containers", 0, "image")
			}, "localhost:5000/p:v2"},
		"an image without a tag": {[]string{"--image", "localhost:5000/p"},
			func(m map[string]object) any {
				return at(m[agent], "spec", "template", "spec", "containers", 0, "image")
			}, "localhost:5000/p:latest"},
		"a StorageClass": {[]string{"--storage-class", "fast"},
			func(m map[string]object) any { return at(m["StatefulSet/redis"], append(claim, "storageClassName")...) }, "fast"},
		"a size": {[]string{"--pool-size", "50Gi"},
			func(m map[string]object) any {
				return at(m["StatefulSet/minio"], append(claim, "resources", "requests", "storage")...)
			}, "50Gi"},
		"no volumes": {[]string{"--ephemeral"},
			func(m map[string]object) any { return at(m["StatefulSet/redis"], "spec", "volumeClaimTemplates") }, nil},
		"the functions' namespace": {[]string{"--namespace", "fns"},
			func(m map[string]object) any {
				return at(m[policy], "spec", "matchConstraints", "namespaceSelector", "matchExpressions", 0, "values", 0)
			}, "fns"},
		"the smallest rights": {[]string{"--rights", "smallest"},
			func(m map[string]object) any { return at(m[policy], "spec", "variables", 0, "expression") }, "['CHECKPOINT_RESTORE', 'SETPCAP']"},
		"no staging": {[]string{"--staging-size", "0"},
			func(m map[string]object) any { return at(m[policy], "spec", "variables", 1, "expression") }, "''"},
		"a node's cache": {[]string{"--node-cache", "/var/lib/p/c"},
			func(m map[string]object) any { return at(m[policy], "spec", "variables", 3, "expression") }, "'/var/lib/p/c'"},
		"no AppArmor": {[]string{"--apparmor-unconfined"},
			func(m map[string]object) any { return at(m[policy], "spec", "variables", 2, "expression") }, "'Unconfined'"},
		"the older API": {[]string{"--policy", "v1beta1"},
			func(m map[string]object) any { return m[policy]["apiVersion"] }, "admissionregistration.k8s.io/v1beta1"},
		"Kyverno": {[]string{"--policy", "kyverno", "--rights", "smallest"},
			func(m map[string]object) any {
				return at(m["MutatingPolicy/pronghorn-function-rights"], "spec", "variables", 0, "expression")
			}, "['CHECKPOINT_RESTORE', 'SETPCAP']"},
		"no policy": {[]string{"--policy", "none"}, func(m map[string]object) any { return len(m[policy]) }, 0},
	} {
		t.Run(what, func(t *testing.T) {
			if diff := cmp.Diff(c.want, c.get(rendered(t, c.args...))); diff != "" {
				t.Errorf("(-want +got)\n%s", diff)
			}
		})
	}
}

func TestShellScriptsPassShellcheck(t *testing.T) {
	shellcheck := require.Program(t, "shellcheck", "shellcheck")
	scripts := []string{"deploy.sh", "deploy/plain.sh"}
	more, err := filepath.Glob(root + "/deploy/lib/*.sh")
	if err != nil || len(more) == 0 {
		t.Fatalf("%d scripts in deploy/lib: %v", len(more), err)
	}
	for _, path := range more {
		scripts = append(scripts, strings.TrimPrefix(path, root+"/"))
	}
	slices.Sort(scripts)
	cmd := exec.CommandContext(t.Context(), shellcheck, append([]string{"-x"}, scripts...)...)
	cmd.Dir = root
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Errorf("%v\n%s", err, out)
	}
}
