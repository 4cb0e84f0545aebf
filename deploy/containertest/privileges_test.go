package containertest

import (
	"slices"
	"strings"
	"testing"
)

// twoRuntime gives a container CHECKPOINT_RESTORE and SETPCAP and nothing else;
// see scripts/runc-checkpoint-restore.sh.
const twoRuntime = "checkpoint-restore"

// Rights with which a checkpoint in one container is restored in the next, and
// again. Container engines make /proc/sys read-only, and Kubernetes does.
func TestRightsThatAreEnough(t *testing.T) {
	const writable = "--security-opt=systempaths=unconfined"
	five := []string{
		"--cap-drop=ALL", "--cap-add=SYS_ADMIN", "--cap-add=SYS_TIME", "--cap-add=NET_ADMIN", "--cap-add=SYS_CHROOT", "--cap-add=SETPCAP",
		"--security-opt=seccomp=unconfined",
	}
	two := []string{"--runtime=" + twoRuntime, "--security-opt=seccomp=unconfined"}
	const private, used = "mode=privileged process_ids=private-proc", "mode=unprivileged process_ids=used-up"
	cases := map[string]struct {
		rights   []string
		log      string
		runtimes []runtime
	}{
		"the five, writable":                   {append(slices.Clone(five), writable), "mode=privileged process_ids=proc", runtimes[:1]},
		"the five":                             {five, private, runtimes},
		"the five, no new rights":              {append(slices.Clone(five), "--security-opt=no-new-privileges"), private, runtimes[:1]},
		"the two, writable":                    {append(slices.Clone(two), writable), "mode=unprivileged process_ids=proc", runtimes[:1]},
		"the two":                              {two, used, runtimes},
		"the two, another user":                {append(slices.Clone(two), "--user=1000"), used, runtimes},
		"the two, another user, no new rights": {append(slices.Clone(two), "--user=1000", "--security-opt=no-new-privileges"), used, runtimes[:1]},
	}
	for name, tc := range cases {
		for _, r := range tc.runtimes {
			t.Run(name+"/"+r.name, func(t *testing.T) {
				needEngine(t)
				needRuntime(t, tc.rights)
				goesOn(t, r.image(t), tc.rights, tc.log)
			})
		}
	}
}

// needRuntime asks for the runtime that the rights name.
func needRuntime(t *testing.T, rights []string) {
	t.Helper()
	if !slices.Contains(rights, "--runtime="+twoRuntime) {
		return
	}
	if known := mustDocker(t, "info", "--format", "{{range $name, $_ := .Runtimes}}{{$name}} {{end}}"); !strings.Contains(known, twoRuntime) {
		t.Skipf("the engine has the runtimes %s: %s is that of scripts/dockerd.sh", known, twoRuntime)
	}
}

// goesOn wants a function to go on in a second container, and in a third, and
// their logs to hold a text and no warning.
func goesOn(t *testing.T, image string, rights []string, log string) {
	t.Helper()
	s := startServices(t)
	for generation := range 3 {
		c, reports := checkpointedWith(t, s, rights, image, "f", 2*(generation+1), 2)
		for i, got := range reports {
			if want := 2*generation + i + 1; got.Count != want {
				t.Fatalf("container %d: count %d, want %d", generation+1, got.Count, want)
			}
		}
		if text := c.logs(); !strings.Contains(text, log) || len(reasons(text)) > 0 {
			t.Errorf("the log of container %d: want %q and no warning:\n%s", generation+1, log, text)
		}
		c.remove()
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
