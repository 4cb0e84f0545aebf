package criu

import (
	"bufio"
	"fmt"
	"io/fs"
	"math"
	"os"
	"path"
	"strconv"
	"strings"
)

// memoryReserve is what a dump leaves free of the memory that there is, in
// bytes, for the function, the watchdog and CRIU itself.
const memoryReserve = 32 << 20

// memoryFor decides how much memory the pages of the tree under pid may take
// and how much they will; 0 and 0 = they go to a file.
func memoryFor(pid int, limit int64) (most, expected int64) {
	root := os.DirFS("/")
	expected = expectedBytes(root, pid)
	if most = min(limit, freeMemory(root)); most < expected {
		return 0, 0
	}
	return most, expected
}

// expectedBytes is about how long the page stream of the tree will be: what
// its processes have of anonymous and shared memory, a tenth of it for what
// they get until then, and 2 MiB.
func expectedBytes(root fs.FS, pid int) int64 {
	var sum int64
	for pending := []int{pid}; len(pending) > 0; pending = pending[1:] {
		sum += residentBytes(root, pending[0])
		if _, children, err := tasks(pending[0]); err == nil {
			pending = append(pending, children...)
		}
	}
	return sum + sum/10 + hugePage
}

func residentBytes(root fs.FS, pid int) int64 {
	status := fields(root, fmt.Sprintf("proc/%d/status", pid))
	return status["RssAnon"] + status["RssShmem"] + status["VmSwap"]
}

// freeMemory is what may be taken without anybody being killed for it.
func freeMemory(root fs.FS) int64 {
	free := int64(math.MaxInt64)
	if available, ok := fields(root, "proc/meminfo")["MemAvailable"]; ok {
		free = available
	}
	return max(min(free, freeInCgroup(root))-memoryReserve, 0)
}

// freeInCgroup is what the cgroup and those above it leave, of both versions.
func freeInCgroup(root fs.FS) int64 {
	free := int64(math.MaxInt64)
	raw, err := fs.ReadFile(root, "proc/self/cgroup")
	if err != nil {
		return free
	}
	for line := range strings.Lines(string(raw)) {
		parts := strings.SplitN(strings.TrimSpace(line), ":", 3)
		if len(parts) != 3 {
			continue
		}
		base, files := "sys/fs/cgroup", cgroup2
		if parts[1] != "" {
			if !strings.Contains(","+parts[1]+",", ",memory,") {
				continue
			}
			base, files = "sys/fs/cgroup/memory", cgroup1
		}
		for at := path.Clean("/" + parts[2]); ; at = path.Dir(at) {
			free = min(free, files.free(root, path.Join(base, at)))
			if at == "/" {
				break
			}
		}
	}
	return free
}

// cgroupFiles are the names in which a version of cgroups says what is used.
type cgroupFiles struct{ limit, used, cache string }

var (
	cgroup1 = cgroupFiles{"memory.limit_in_bytes", "memory.usage_in_bytes", "total_inactive_file"}
	cgroup2 = cgroupFiles{"memory.max", "memory.current", "inactive_file"}
)

func (c cgroupFiles) free(root fs.FS, dir string) int64 {
	limit, err := number(root, path.Join(dir, c.limit))
	if err != nil {
		return math.MaxInt64 // none, or "max"
	}
	used, err := number(root, path.Join(dir, c.used))
	if err != nil {
		return math.MaxInt64
	}
	return limit - used + fields(root, path.Join(dir, "memory.stat"))[c.cache]
}

func number(root fs.FS, name string) (int64, error) {
	raw, err := fs.ReadFile(root, name)
	if err != nil {
		return 0, err
	}
	return strconv.ParseInt(strings.TrimSpace(string(raw)), 10, 64)
}

// fields reads "Name: 12 kB" or "name 12" lines; values in bytes.
func fields(root fs.FS, name string) map[string]int64 {
	values := map[string]int64{}
	f, err := root.Open(name)
	if err != nil {
		return values
	}
	defer f.Close()
	for lines := bufio.NewScanner(f); lines.Scan(); {
		words := strings.Fields(lines.Text())
		if len(words) < 2 {
			continue
		}
		n, err := strconv.ParseInt(words[1], 10, 64)
		if err != nil {
			continue
		}
		if len(words) == 3 && words[2] == "kB" {
			n <<= 10
		}
		values[strings.TrimSuffix(words[0], ":")] = n
	}
	return values
}
