package criu

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// Mode is how much CRIU may do here.
type Mode int

const (
	// Privileged restores into a time namespace of its own, so that the clock
	// of the process goes on where it was on whatever machine. It needs the
	// capabilities on the machine, not only in a user namespace.
	Privileged Mode = iota
	// Unprivileged needs two capabilities only. The monotonic clock of a
	// restored process is that of the machine: timers of a JVM that was dumped
	// on another machine, or before a reboot, stand still or burst.
	Unprivileged
)

func (m Mode) String() string {
	if m == Unprivileged {
		return "unprivileged"
	}
	return "privileged"
}

// Capabilities, as bits of a set. The sets are those with which dump and
// restore were found to work, and without any of which they do not.
const (
	capSetPCap    = 1 << unix.CAP_SETPCAP
	capNetAdmin   = 1 << unix.CAP_NET_ADMIN
	capSysChroot  = 1 << unix.CAP_SYS_CHROOT
	capSysAdmin   = 1 << unix.CAP_SYS_ADMIN
	capSysTime    = 1 << unix.CAP_SYS_TIME
	capCheckpoint = 1 << unix.CAP_CHECKPOINT_RESTORE

	capsPrivileged   = capSysAdmin | capSysTime | capNetAdmin | capSysChroot | capSetPCap
	capsUnprivileged = capCheckpoint | capSetPCap
)

// oldest is the oldest CRIU that works: earlier ones send pages in another
// format, and fail on kernels of 2025.
var oldest = [2]int{4, 2}

// Probe finds out whether and how CRIU can work here, without dumping
// anything. The error wraps ErrUnavailable and says what is missing and what
// to do about it. Check, which Seed calls, asks CRIU itself, and whether
// process ids can be chosen is PIDs' to find out.
func (e *Engine) Probe(ctx context.Context) (Mode, error) {
	version, err := e.bin.version(ctx)
	if err != nil {
		return Privileged, unavailable(err)
	}
	mode, err := judge(version, os.DirFS("/"), os.Geteuid(), fileCapabilities(e.bin.argv[0]))
	return mode, unavailable(err)
}

func unavailable(err error) error {
	if err == nil || errors.Is(err, ErrUnavailable) {
		return err
	}
	return fmt.Errorf("%w: %w", ErrUnavailable, err)
}

// version is what `criu --version` prints.
func (b Binary) version(ctx context.Context) (string, error) {
	out, err := b.command(ctx, "--version").Output()
	var exit *exec.ExitError
	switch {
	case errors.Is(err, os.ErrPermission):
		return "", fmt.Errorf("%s may not be executed: it has file capabilities that this container may not have: add CHECKPOINT_RESTORE and SETPCAP to the container, or remove them with setcap -r: %w", b.argv[0], err)
	case errors.As(err, &exit):
		return "", fmt.Errorf("%s --version: %w: %s", b, err, firstLine(string(exit.Stderr)))
	case err != nil:
		return "", err
	}
	_, version, found := strings.Cut(firstLine(string(out)), "Version: ")
	if !found {
		return "", fmt.Errorf("%s --version says %q, no version", b, firstLine(string(out)))
	}
	return strings.TrimSpace(version), nil
}

func firstLine(s string) string {
	line, _, _ := strings.Cut(s, "\n")
	return line
}

// judge decides by the version, by /proc, by the user, and by the file
// capabilities of CRIU.
func judge(version string, root fs.FS, uid int, file uint64) (Mode, error) {
	if err := checkVersion(version); err != nil {
		return Privileged, err
	}
	status, err := readStatus(root)
	if err != nil {
		return Privileged, err
	}
	if status.seccomp == seccompFilter {
		return Privileged, errors.New("a seccomp filter is active here, and CRIU cannot suspend it: run the container with seccomp unconfined (seccompProfile.type: Unconfined)")
	}
	mode := Privileged
	if missing := capsPrivileged &^ status.inherited(uid, file); missing != 0 || inUserNamespace(root) {
		mode = Unprivileged
	}
	if missing := capsUnprivileged &^ status.inherited(uid, file); mode == Unprivileged && missing != 0 {
		return mode, fmt.Errorf("CRIU would not have the capability %s: add CHECKPOINT_RESTORE and SETPCAP to the container%s", capNames(missing), status.hint(uid, file))
	}
	if status.effective&(capCheckpoint|capSysAdmin) == 0 {
		return mode, errors.New("the capability CHECKPOINT_RESTORE is missing here, with which process ids are chosen: add it to the container, for a user other than root as an ambient capability")
	}
	return mode, nil
}

func checkVersion(version string) error {
	var found [2]int
	for i, part := range strings.SplitN(version, ".", 3) {
		if i < len(found) {
			found[i], _ = strconv.Atoi(part) // what is no number is too old
		}
	}
	if found[0] < oldest[0] || found[0] == oldest[0] && found[1] < oldest[1] {
		return fmt.Errorf("CRIU %s is too old: install %d.%d or later", version, oldest[0], oldest[1])
	}
	return nil
}

func capNames(set uint64) string {
	var names []string
	for _, c := range []struct {
		bit  uint64
		name string
	}{
		{capSysAdmin, "SYS_ADMIN"}, {capSysTime, "SYS_TIME"}, {capNetAdmin, "NET_ADMIN"}, {capSysChroot, "SYS_CHROOT"},
		{capCheckpoint, "CHECKPOINT_RESTORE"}, {capSetPCap, "SETPCAP"},
	} {
		if set&c.bit != 0 {
			names = append(names, c.name)
		}
	}
	return strings.Join(names, ", ")
}
