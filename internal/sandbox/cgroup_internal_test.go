package sandbox

import (
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestCPUControllerIsFoundWhereverItIsMounted(t *testing.T) {
	for claim, c := range map[string]struct {
		self string
		want []string
	}{
		"version 2":          {"0::/user.slice/a\n", []string{"/sys/fs/cgroup/user.slice/a"}},
		"version 1":          {"3:cpuset:/\n1:cpu:/a/b\n", []string{"/sys/fs/cgroup/cpu/a/b"}},
		"with its accounts":  {"4:cpu,cpuacct:/\n", []string{"/sys/fs/cgroup/cpu,cpuacct"}},
		"both":               {"1:cpu:/\n0::/\n", []string{"/sys/fs/cgroup/cpu", "/sys/fs/cgroup"}},
		"none":               {"3:cpuset:/\n9:name=systemd:/\n", nil},
		"only for accounts":  {"2:cpuacct:/\n", nil},
		"nothing is mounted": {"", nil},
	} {
		if diff := cmp.Diff(c.want, cpuParents(c.self)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", claim, diff)
		}
	}
}
