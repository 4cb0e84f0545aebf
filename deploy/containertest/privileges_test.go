package containertest

import (
	"slices"
	"strings"
	"testing"
)

// twoRuntime gives a container CHECKPOINT_RESTORE and SETPCAP and nothing else;
// see scripts/runc-checkpoint-restore.sh.
const twoRuntime = "checkpoint-restore"

// writable is the option that leaves /proc/sys writable. Container engines make
// it read-only, and Kubernetes does.
const writable = "--security-opt=systempaths=unconfined"

// The two sets of rights that are enough.
var (
	five = []string{
		"--cap-drop=ALL", "--cap-add=SYS_ADMIN", "--cap-add=SYS_TIME", "--cap-add=NET_ADMIN", "--cap-add=SYS_CHROOT", "--cap-add=SETPCAP",
		"--security-opt=seccomp=unconfined",
	}
	two = []string{"--runtime=" + twoRuntime, "--security-opt=seccomp=unconfined"}
)

func and(rights []string, options ...string) []string {
	return append(slices.Clone(rights), options...)
}

// Rights with which a checkpoint in one container is restored in the next, and
// again.
func TestRightsThatAreEnough(t *testing.T) {
	const private, used = "mode=privileged process_ids=private-proc", "mode=unprivileged process_ids=used-up"
	cases := map[string]struct {
		rights   []string
		log      string
		runtimes []runtime
		warning  string
	}{
		"the five, writable":                   {and(five, writable), "mode=privileged process_ids=proc", runtimes[:1], ""},
		"the five":                             {five, private, runtimes, ""},
		"the five and SYS_PTRACE":              {and(five, "--cap-add=SYS_PTRACE"), private, runtimes, ""},
		"the five, SYS_PTRACE and SYS_NICE":    {and(five, "--cap-add=SYS_PTRACE", "--cap-add=SYS_NICE"), private, runtimes, ""},
		"the five, no new rights":              {and(five, "--security-opt=no-new-privileges"), private, runtimes[:1], ""},
		"the five, read-only root file system": {and(five, "--read-only", "--tmpfs=/tmp"), private, runtimes[:1], "30 ms longer"},
		"the two, writable":                    {and(two, writable), "mode=unprivileged process_ids=proc", runtimes[:1], ""},
		"the two":                              {two, used, runtimes, ""},
		"the two, another user":                {and(two, "--user=1000"), used, runtimes, ""},
		"the two, another user, no new rights": {and(two, "--user=1000", "--security-opt=no-new-privileges"), used, runtimes[:1], ""},
	}
	for name, tc := range cases {
		for _, r := range tc.runtimes {
			t.Run(name+"/"+r.name, func(t *testing.T) {
				needEngine(t)
				needRuntime(t, tc.rights)
				same := generation{tc.rights, tc.log, tc.warning}
				goesOn(t, r.image(t), same, same, same)
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

// generation is one of several containers in a row: its rights, what its log says
// of them, and what it warns of, once; "" = of nothing.
type generation struct {
	rights       []string
	log, warning string
}

// goesOn wants a function to go on in one container after the other.
func goesOn(t *testing.T, image string, generations ...generation) {
	t.Helper()
	s := startServices(t)
	for i, g := range generations {
		c, reports := checkpointedWith(t, s, g.rights, image, "f", 2*(i+1), 2)
		for j, got := range reports {
			if want := 2*i + j + 1; got.Count != want {
				t.Fatalf("container %d: count %d, want %d", i+1, got.Count, want)
			}
		}
		text := c.logs()
		warnings := strings.Join(reasons(text), "\n")
		if !strings.Contains(text, g.log) || (warnings == "") != (g.warning == "") || !strings.Contains(warnings, g.warning) || strings.Contains(warnings, "\n") {
			t.Errorf("the log of container %d: want %q and the warning %q:\n%s", i+1, g.log, g.warning, text)
		}
		c.remove()
	}
}

// How ids are chosen does not matter to a snapshot.
func TestSnapshotsDoNotDependOnHowIDsAreChosen(t *testing.T) {
	cases := map[string][2]generation{
		"the five": {{five, "process_ids=private-proc", ""}, {and(five, writable), "process_ids=proc", ""}},
		"the two":  {{two, "process_ids=used-up", ""}, {and(two, writable), "process_ids=proc", ""}},
	}
	for name, g := range cases {
		t.Run(name, func(t *testing.T) {
			needEngine(t)
			needRuntime(t, g[0].rights)
			goesOn(t, runtimes[1].image(t), g[0], g[1], g[0])
			goesOn(t, runtimes[1].image(t), g[1], g[0], g[1])
		})
	}
}

// A container with other rights has snapshots of its own: it does not try those
// that it could not restore.
func TestOtherRightsStartCold(t *testing.T) {
	needEngine(t)
	needRuntime(t, two)
	s, image := startServices(t), runtimes[0].image(t)
	c, _ := checkpointedWith(t, s, five, image, "f", 2, 2)
	c.remove()
	c = start(t, image, and(two, s.options(t, "f", fixed(2))...)...)
	defer c.remove()
	c.waitUntilHealthy()
	if got := c.call().Count; got != 1 {
		t.Errorf("count %d, want 1, of a cold start", got)
	}
	c.waitForLog(`reason="cold: no usable snapshot for this platform`)
}

// Ids that are used up never come back, and are free all the same when one
// container restores again and again.
func TestLifetimesFollowEachOtherInOneContainer(t *testing.T) {
	const lifetimes = 5
	for name, rights := range map[string][]string{"the five": five, "the two": two} {
		t.Run(name, func(t *testing.T) {
			needEngine(t)
			needRuntime(t, rights)
			s, image := startServices(t), runtimes[1].image(t)
			c, _ := checkpointedWith(t, s, rights, image, "f", 2, 2)
			c.remove()
			for range 2 {
				c := start(t, image, append(and(rights, s.options(t, "f", fixed(2))...), "--env=snapshot_evict_after=2")...)
				c.waitUntilHealthy()
				for i := range 2 * lifetimes {
					if got, want := c.call().Count, 3+i%2; got != want {
						t.Fatalf("request %d: count %d, want %d", i+1, got, want)
					}
				}
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
		"another user":                    and(snapshotRights, "--user=1000"),
		"no new privileges, another user": and(snapshotRights, "--user=1000", "--security-opt=no-new-privileges"),
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
