package criu

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"testing/fstest"
)

// proc is a /proc of a process with these capabilities.
func proc(effective, bounding, ambient uint64, seccomp int, noNewPrivileges bool) fstest.MapFS {
	nnp := 0
	if noNewPrivileges {
		nnp = 1
	}
	status := fmt.Sprintf("Name:\tx\nCapInh:\t%016x\nCapPrm:\t%016x\nCapEff:\t%016x\nCapBnd:\t%016x\nCapAmb:\t%016x\nNoNewPrivs:\t%d\nSeccomp:\t%d\nSeccomp_filters:\t0\n",
		ambient, effective, effective, bounding, ambient, nnp, seccomp)
	return fstest.MapFS{"proc/self/status": {Data: []byte(status)}}
}

// mapped is root in a user namespace with this map.
func mapped(root fstest.MapFS, uids string) fstest.MapFS {
	root["proc/self/uid_map"] = &fstest.MapFile{Data: []byte(uids)}
	return root
}

func TestModeFollowsFromTheSurroundings(t *testing.T) {
	const all = 1<<41 - 1
	root := func(caps uint64) fstest.MapFS { return proc(caps, caps, 0, 0, false) }
	for name, tc := range map[string]struct {
		version string
		root    fstest.MapFS
		uid     int
		file    uint64
		want    Mode
		err     string
	}{
		"root":                                   {root: root(all)},
		"the privileged set":                     {root: root(capsPrivileged)},
		"the unprivileged set":                   {root: root(capsUnprivileged), want: Unprivileged},
		"privileged but for the clock":           {root: root(capsPrivileged&^capSysTime | capCheckpoint), want: Unprivileged},
		"root of a user namespace":               {root: mapped(root(all), "0 100000 65536\n"), want: Unprivileged},
		"root of the machine's":                  {root: mapped(root(all), "         0          0 4294967295\n")},
		"the privileged set in a user namespace": {root: mapped(root(capsPrivileged), "0 100000 65536\n"), err: "capability CHECKPOINT_RESTORE: add"},
		"no SETPCAP":                             {root: root(capCheckpoint), err: "capability SETPCAP: add"},
		"Docker's default":                       {root: root(0xa80425fb), err: "capability CHECKPOINT_RESTORE: add"},
		"ambient capabilities":                   {root: proc(capsUnprivileged, capsUnprivileged, capsUnprivileged, 0, false), uid: 1000, want: Unprivileged},
		"capabilities that are not handed on":    {root: proc(capsUnprivileged, capsUnprivileged, 0, 0, false), uid: 1000, err: "ambient"},
		"file capabilities":                      {root: proc(capsUnprivileged, capsUnprivileged, 0, 0, false), uid: 1000, file: capsUnprivileged, want: Unprivileged},
		"file capabilities and no_new_privs":     {root: proc(capsUnprivileged, capsUnprivileged, 0, 0, true), uid: 1000, file: capsUnprivileged, err: "allowPrivilegeEscalation"},
		"file capabilities, none here":           {root: proc(0, capsUnprivileged, 0, 0, false), uid: 1000, file: capsUnprivileged, err: "with which process ids are chosen"},
		"a seccomp filter":                       {root: proc(all, all, 0, 2, true), err: "seccomp unconfined"},
		"strict seccomp is no filter":            {root: proc(all, all, 0, 1, false)},
		"too old":                                {version: "4.1.1", root: root(all), err: "CRIU 4.1.1 is too old: install 4.2 or later"},
		"much too old":                           {version: "3.17.1", root: root(all), err: "too old"},
		"newer":                                  {version: "5.0", root: root(all)},
		"no status":                              {root: fstest.MapFS{}, err: "proc/self/status"},
		"a status that is none":                  {root: fstest.MapFS{"proc/self/status": {Data: []byte("CapEff:\tzz\n")}}, err: "CapEff"},
	} {
		t.Run(name, func(t *testing.T) {
			if tc.version == "" {
				tc.version = "4.2.1"
			}
			mode, err := judge(tc.version, tc.root, tc.uid, tc.file)
			switch {
			case tc.err == "" && err != nil:
				t.Fatal(err)
			case tc.err != "" && (err == nil || !strings.Contains(err.Error(), tc.err)):
				t.Fatalf("got %v, want an error with %q", err, tc.err)
			case tc.err == "" && mode != tc.want:
				t.Errorf("got %s, want %s", mode, tc.want)
			}
			if err != nil && (!errors.Is(unavailable(err), ErrUnavailable) || strings.Contains(err.Error(), "\n")) {
				t.Errorf("got %q: want one line that wraps ErrUnavailable", err)
			}
		})
	}
}

func TestFileCapabilitiesAreRead(t *testing.T) {
	// cap_setpcap,cap_checkpoint_restore=ep, as setcap writes it.
	raw := []byte{1, 0, 0, 2, 0, 1, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0}
	if got := permitted(raw); got != capsUnprivileged {
		t.Errorf("got %x, want %x", got, uint64(capsUnprivileged))
	}
	if got := permitted(raw[:10]); got != 0 {
		t.Errorf("got %x of a cut attribute", got)
	}
}
