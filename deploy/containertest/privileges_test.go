package containertest

import (
	"slices"
	"strings"
	"testing"
)

// Two capabilities are enough, for root and for another user who has them as
// ambient ones.
func TestTwoCapabilitiesAreEnough(t *testing.T) {
	const runtimeName = "checkpoint-restore" // see scripts/runc-checkpoint-restore.sh
	cases := map[string][]string{
		"root":                            nil,
		"another user":                    {"--user=1000"},
		"another user, no new privileges": {"--user=1000", "--security-opt=no-new-privileges"},
	}
	for name, options := range cases {
		t.Run(name, func(t *testing.T) {
			needEngine(t)
			if known := mustDocker(t, "info", "--format", "{{range $name, $_ := .Runtimes}}{{$name}} {{end}}"); !strings.Contains(known, runtimeName) {
				t.Skipf("the engine has the runtimes %s: %s is that of scripts/dockerd.sh", known, runtimeName)
			}
			s, image := startServices(t), runtimes[0].image(t)
			args := append([]string{"--runtime=" + runtimeName, "--security-opt=seccomp=unconfined", "--security-opt=systempaths=unconfined"}, options...)
			for generation := range 2 {
				c := start(t, image, append(args, s.options(t, "f", fixed(2*(generation+1)))...)...)
				for i := range 2 {
					if got, want := c.call().Count, 2*generation+i+1; got != want {
						t.Fatalf("container %d: count %d, want %d", generation+1, got, want)
					}
				}
				c.waitForLog("checkpoint taken")
				c.remove()
			}
		})
	}
}

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
