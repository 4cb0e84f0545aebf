package e2e

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/pronghorn-faas/pronghorn/internal/require"
)

// root is the top of the project, seen from here.
const root = "../.."

// cluster is the Kubernetes of scripts/k8s.sh.
type cluster struct {
	env []string // KUBECONFIG, and a PATH on which kubectl is
}

// start starts an empty cluster.
func (c *cluster) start(t *testing.T) {
	if _, err := command(t.Context(), nil, root+"/scripts/k8s.sh", "status"); err == nil {
		t.Fatal("a cluster runs, and this test wants an empty one: scripts/k8s.sh stop")
	}
	kubeconfig, err := command(t.Context(), nil, root+"/scripts/k8s.sh", "start")
	if err != nil {
		t.Fatal(err)
	}
	bin := filepath.Join(require.Prefix(), "kubernetes", "bin")
	c.env = []string{kubeconfig, "PATH=" + bin + ":" + os.Getenv("PATH")}
}

// stop ends the cluster that was started, unless PRONGHORN_KEEP is set.
func (c *cluster) stop(t *testing.T) {
	switch {
	case c.env == nil:
	case os.Getenv("PRONGHORN_KEEP") != "":
		t.Logf("the cluster stays: export %s; scripts/k8s.sh stop ends it", c.env[0])
	default:
		if _, err := command(context.Background(), nil, root+"/scripts/k8s.sh", "stop"); err != nil {
			t.Error(err)
		}
	}
}

// command runs a program with more environment and returns what it printed to
// its standard output; both outputs are in the error.
func command(ctx context.Context, env []string, name string, args ...string) (string, error) {
	return commandWith(ctx, env, "", name, args...)
}

func commandWith(ctx context.Context, env []string, stdin, name string, args ...string) (string, error) {
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.Env = append(os.Environ(), env...)
	cmd.Stdin = strings.NewReader(stdin)
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	if err := cmd.Run(); err != nil {
		return "", fmt.Errorf("%s %s: %w\n%s%s", filepath.Base(name), strings.Join(args, " "), err, stdout.String(), stderr.String())
	}
	return strings.TrimSpace(stdout.String()), nil
}

// try runs kubectl, also in a cleanup, when the test's context has ended.
func (c *cluster) try(t testing.TB, args ...string) (string, error) {
	return command(context.WithoutCancel(t.Context()), c.env, filepath.Join(require.Prefix(), "kubernetes/bin/kubectl"), args...)
}

func (c *cluster) kubectl(t testing.TB, args ...string) string {
	t.Helper()
	out, err := c.try(t, args...)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func (c *cluster) apply(t testing.TB, manifest string, args ...string) {
	t.Helper()
	args = append([]string{"apply", "-f", "-"}, args...)
	if _, err := commandWith(t.Context(), c.env, manifest, filepath.Join(require.Prefix(), "kubernetes/bin/kubectl"), args...); err != nil {
		t.Fatalf("%v\n%s", err, manifest)
	}
}

// deploy runs deploy.sh.
func (c *cluster) deploy(t testing.TB, args ...string) string {
	t.Helper()
	out, err := command(t.Context(), c.env, root+"/deploy.sh", args...)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// pod is what the tests look at of a pod.
type pod struct {
	Metadata struct {
		Name              string
		UID               string
		DeletionTimestamp string
	}
	Spec struct {
		Containers []struct {
			SecurityContext struct {
				Capabilities struct{ Add, Drop []string }
			}
		}
	}
	Status struct {
		PodIP             string
		Conditions        []struct{ Type, Status string }
		ContainerStatuses []struct{ RestartCount int }
	}
}

func (p pod) ready() bool {
	for _, condition := range p.Status.Conditions {
		if condition.Type == "Ready" {
			return condition.Status == "True" && p.Metadata.DeletionTimestamp == ""
		}
	}
	return false
}

func (c *cluster) pods(t testing.TB, namespace, selector string) []pod {
	t.Helper()
	var list struct{ Items []pod }
	c.get(t, &list, "pods", "-n", namespace, "-l", selector)
	return list.Items
}

// get reads objects as JSON.
func (c *cluster) get(t testing.TB, into any, args ...string) {
	t.Helper()
	out := c.kubectl(t, append([]string{"get", "-o", "json"}, args...)...)
	if err := json.Unmarshal([]byte(out), into); err != nil {
		t.Fatal(err)
	}
}

// readyPods waits until exactly so many pods exist and all are ready.
func (c *cluster) readyPods(t testing.TB, namespace, selector string, n int) []pod {
	t.Helper()
	var pods []pod
	await(t, 2*time.Minute, fmt.Sprintf("%d ready pods of %s in %s", n, selector, namespace), func() bool {
		pods = c.pods(t, namespace, selector)
		for _, p := range pods {
			if !p.ready() {
				return false
			}
		}
		return len(pods) == n
	})
	return pods
}

// await asks until the answer is yes.
func await(t testing.TB, limit time.Duration, what string, done func() bool) {
	t.Helper()
	for end := time.Now().Add(limit); !done(); time.Sleep(250 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("waited %v in vain for %s", limit, what)
		}
	}
}
