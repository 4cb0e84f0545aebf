package containertest

import (
	"slices"
	"strings"
	"testing"
)

// Without a right that snapshots need, a function serves as if there were no
// snapshots, and the log says once why. docs/privileges.md has the table.
func TestMissingRightsLeaveAPlainWatchdog(t *testing.T) {
	without := func(option string) []string {
		return slices.DeleteFunc(slices.Clone(snapshotRights), func(o string) bool { return o == option })
	}
	cases := map[string][]string{
		"docker's defaults":               nil,
		"no capability":                   {"--cap-drop=ALL"},
		"no SYS_ADMIN":                    without("--cap-add=SYS_ADMIN"),
		"seccomp filter":                  without("--security-opt=seccomp=unconfined"),
		"another user":                    append(slices.Clone(snapshotRights), "--user=1000"),
		"no new privileges, another user": append(slices.Clone(snapshotRights), "--user=1000", "--security-opt=no-new-privileges"),
		"read-only root file system":      {"--read-only", "--tmpfs=/tmp"},
	}
	for name, options := range cases {
		t.Run(name, func(t *testing.T) {
			needEngine(t)
			s := startServices(t)
			c := start(t, runtimes[0].image(t), append(options, s.options(t, "f", fixed(2))...)...)
			for i := range 4 {
				if got := c.call().Count; got != i+1 {
					t.Fatalf("request %d: count %d", i+1, got)
				}
			}
			if lines := reasons(c.logs()); len(lines) != 1 {
				t.Errorf("the log gives %d reasons, want one:\n%s", len(lines), strings.Join(lines, "\n"))
			} else {
				t.Log(lines[0])
			}
		})
	}
}

// reasons are the lines that say why there are no snapshots.
func reasons(log string) []string {
	var lines []string
	for line := range strings.Lines(log) {
		if strings.Contains(line, "level=WARN") {
			lines = append(lines, strings.TrimSpace(line))
		}
	}
	return lines
}
