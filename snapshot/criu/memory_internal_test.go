package criu

import (
	"math"
	"testing"
	"testing/fstest"
)

func file(s string) *fstest.MapFile { return &fstest.MapFile{Data: []byte(s)} }

func TestFreeMemoryIsTheLeastOfMachineAndCgroups(t *testing.T) {
	meminfo := file("MemTotal: 4096000 kB\nMemAvailable: 1024000 kB\n")
	const available = 1024000 << 10
	for name, tc := range map[string]struct {
		root fstest.MapFS
		want int64
	}{
		"no cgroup": {fstest.MapFS{"proc/meminfo": meminfo}, available - memoryReserve},
		"no limit": {fstest.MapFS{"proc/meminfo": meminfo, "proc/self/cgroup": file("0::/\n"),
			"sys/fs/cgroup/memory.max": file("max\n"), "sys/fs/cgroup/memory.current": file("5\n")}, available - memoryReserve},
		"version 2": {fstest.MapFS{"proc/meminfo": meminfo, "proc/self/cgroup": file("0::/\n"),
			"sys/fs/cgroup/memory.max": file("268435456\n"), "sys/fs/cgroup/memory.current": file("134217728\n"),
			"sys/fs/cgroup/memory.stat": file("anon 100\ninactive_file 1048576\n")}, 128<<20 + 1<<20 - memoryReserve},
		"version 2, a limit above": {fstest.MapFS{"proc/meminfo": meminfo, "proc/self/cgroup": file("0::/pod/container\n"),
			"sys/fs/cgroup/pod/container/memory.max": file("max\n"), "sys/fs/cgroup/pod/container/memory.current": file("7\n"),
			"sys/fs/cgroup/pod/memory.max": file("104857600\n"), "sys/fs/cgroup/pod/memory.current": file("0\n")}, 100<<20 - memoryReserve},
		"version 1": {fstest.MapFS{"proc/meminfo": meminfo, "proc/self/cgroup": file("9:cpu:/x\n4:memory:/docker/abc\n0::/\n"),
			"sys/fs/cgroup/memory/memory.limit_in_bytes": file("209715200\n"), "sys/fs/cgroup/memory/memory.usage_in_bytes": file("104857600\n"),
			"sys/fs/cgroup/memory/memory.stat": file("total_inactive_file 4096\n")}, 100<<20 + 4096 - memoryReserve},
		"nothing left":  {fstest.MapFS{"proc/meminfo": file("MemAvailable: 100 kB\n")}, 0},
		"nothing known": {fstest.MapFS{}, math.MaxInt64 - memoryReserve},
	} {
		t.Run(name, func(t *testing.T) {
			if got := freeMemory(tc.root); got != tc.want {
				t.Errorf("got %d, want %d", got, tc.want)
			}
		})
	}
}

func TestExpectedBytesAreThoseOfTheProcess(t *testing.T) {
	root := fstest.MapFS{"proc/999999999/status": file("VmRSS:\t 9000 kB\nRssAnon:\t 1000 kB\nRssFile:\t 8000 kB\nRssShmem:\t 200 kB\nVmSwap:\t 50 kB\n")}
	const sum = 1250 << 10
	if got := expectedBytes(root, 999999999); got != sum+sum/10+hugePage {
		t.Errorf("got %d", got)
	}
}
