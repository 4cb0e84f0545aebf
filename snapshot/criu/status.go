package criu

import (
	"encoding/binary"
	"fmt"
	"io/fs"
	"slices"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// seccompFilter is the mode of a process with a seccomp filter.
const seccompFilter = 2

// status is what /proc/self/status says of our rights.
type status struct {
	inheritable, effective, bounding, ambient uint64
	noNewPrivileges                           bool
	seccomp                                   int
}

func readStatus(root fs.FS) (status, error) {
	raw, err := fs.ReadFile(root, "proc/self/status")
	if err != nil {
		return status{}, err
	}
	var s status
	sets := map[string]*uint64{"CapInh": &s.inheritable, "CapEff": &s.effective, "CapBnd": &s.bounding, "CapAmb": &s.ambient}
	for line := range strings.Lines(string(raw)) {
		name, value, _ := strings.Cut(line, ":")
		value = strings.TrimSpace(value)
		switch set := sets[name]; {
		case set != nil:
			if *set, err = strconv.ParseUint(value, 16, 64); err != nil {
				return status{}, fmt.Errorf("/proc/self/status: %s: %w", name, err)
			}
		case name == "NoNewPrivs":
			s.noNewPrivileges = value == "1"
		case name == "Seccomp":
			if s.seccomp, err = strconv.Atoi(value); err != nil {
				return status{}, fmt.Errorf("/proc/self/status: %s: %w", name, err)
			}
		}
	}
	return s, nil
}

// inUserNamespace reports whether we are in another user namespace than the
// machine's, which maps all ids to themselves.
func inUserNamespace(root fs.FS) bool {
	raw, err := fs.ReadFile(root, "proc/self/uid_map")
	return err == nil && !slices.Equal(strings.Fields(string(raw)), []string{"0", "0", "4294967295"})
}

// inherited are the capabilities of a program that we execute: root's are those
// of the bounding set, another user's the ambient ones and those of the file.
func (s status) inherited(uid int, file uint64) uint64 {
	switch {
	case uid == 0:
		return s.bounding | s.inheritable
	case s.noNewPrivileges:
		return s.ambient
	}
	return s.ambient | file&s.bounding
}

// hint tells why a set may be smaller than expected.
func (s status) hint(uid int, file uint64) string {
	switch {
	case uid == 0:
		return ""
	case s.noNewPrivileges && file != 0:
		return "; CRIU's file capabilities do not count because of no_new_privs: set allowPrivilegeEscalation: true"
	}
	return fmt.Sprintf(", and as ambient capabilities, or to CRIU's file by setcap, for user %d", uid)
}

// fileCapabilities are the permitted capabilities of a program's file.
func fileCapabilities(path string) uint64 {
	raw := make([]byte, 24)
	n, err := unix.Getxattr(path, "security.capability", raw)
	if err != nil {
		return 0
	}
	return permitted(raw[:n])
}

// permitted reads the kernel's struct vfs_cap_data, version 2 or 3.
func permitted(raw []byte) uint64 {
	const version2and3 = 20
	if len(raw) < version2and3 {
		return 0
	}
	low, high := binary.LittleEndian.Uint32(raw[4:]), binary.LittleEndian.Uint32(raw[12:])
	return uint64(high)<<32 | uint64(low)
}
