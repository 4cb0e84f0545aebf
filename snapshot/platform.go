package snapshot

import (
	"bufio"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"runtime"
	"slices"
	"strings"
)

const (
	// idLength is the longest caller-given identity that a platform key holds
	// as it is; with a kernel release of 64 bytes, the kernel's own limit, the
	// key is then at most 128 bytes long.
	idLength      = 32
	releaseLength = 64
)

// Platform is what a process image depends on beside the program itself: an
// image of a process that uses an instruction, a system call or a vDSO of one
// machine cannot be restored on a machine without.
type Platform struct {
	// OS and Arch are as in GOOS and GOARCH.
	OS, Arch string
	// Kernel is the kernel's release, "6.12.1-amd64".
	Kernel string
	// CPU is a hash of the set of the CPU's feature flags, 8 hex digits.
	CPU string
}

// HostPlatform returns the platform of this machine.
func HostPlatform() (Platform, error) { return readPlatform(os.DirFS("/"), runtime.GOARCH) }

// PlatformKey is the key of this machine's platform; see Platform.Key.
func PlatformKey(runtimeID string) (string, error) {
	p, err := HostPlatform()
	if err != nil {
		return "", err
	}
	return p.Key(runtimeID)
}

// Key returns the platform as a name like "linux-amd64-6.12.1-cpu1a2b3c4d-ID",
// at most 128 bytes of letters, digits, '.', '_' and '-'. runtimeID tells
// programs apart, say the digest of the function's container image and the
// runtime's version; one that is no such name or is longer than 32 bytes is
// replaced by a hash of it.
func (p Platform) Key(runtimeID string) (string, error) {
	if runtimeID == "" {
		return "", errors.New("platform key: no identity of image and runtime: without one, snapshots of different programs would be mixed")
	}
	if !validName(runtimeID) || len(runtimeID) > idLength {
		runtimeID = sha256Hex([]byte(runtimeID))[:16]
	}
	key := strings.Join([]string{p.OS, p.Arch, p.Kernel, "cpu" + p.CPU, runtimeID}, "-")
	return key, checkName("platform key", key)
}

func readPlatform(root fs.FS, arch string) (Platform, error) {
	release, err := fs.ReadFile(root, "proc/sys/kernel/osrelease")
	if err != nil {
		return Platform{}, fmt.Errorf("kernel release: %w", err)
	}
	flags, err := cpuFlags(root)
	if err != nil {
		return Platform{}, err
	}
	return Platform{OS: "linux", Arch: arch, Kernel: kernelName(string(release)), CPU: sha256Hex([]byte(flags))[:8]}, nil
}

// kernelName makes a release safe in a name: "6.1.0+" has a character too many.
func kernelName(release string) string {
	safe := func(c rune) rune {
		if notInName(c) {
			return '_'
		}
		return c
	}
	name := strings.Map(safe, strings.TrimSpace(release))
	return name[:min(len(name), releaseLength)]
}

// cpuFlags returns the feature flags of the first CPU, sorted and each once:
// their order says nothing about the machine.
func cpuFlags(root fs.FS) (string, error) {
	f, err := root.Open("proc/cpuinfo")
	if err != nil {
		return "", fmt.Errorf("CPU features: %w", err)
	}
	defer f.Close()
	lines := bufio.NewScanner(f)
	for lines.Scan() {
		name, value, _ := strings.Cut(lines.Text(), ":")
		switch strings.TrimSpace(name) {
		case "flags", "Features": // amd64, arm64
			flags := strings.Fields(value)
			slices.Sort(flags)
			return strings.Join(slices.Compact(flags), " "), nil
		}
	}
	return "", errors.Join(lines.Err(), errors.New("CPU features: no line \"flags\" or \"Features\" in /proc/cpuinfo"))
}
