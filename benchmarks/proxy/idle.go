package main

import (
	"fmt"
	"os"
	"strconv"
	"strings"
)

// cpuTimes is what a CPU has done so far, in ticks.
type cpuTimes struct{ idle, all int64 }

// readCPU reads the times of a CPU; a negative one means all together.
func readCPU(cpu int) (cpuTimes, error) {
	raw, err := os.ReadFile("/proc/stat")
	if err != nil {
		return cpuTimes{}, fmt.Errorf("times of the CPUs: %w", err)
	}
	return timesIn(string(raw), cpu)
}

// timesIn finds "cpu0 USER NICE SYSTEM IDLE IOWAIT IRQ SOFTIRQ STEAL ...".
func timesIn(stat string, cpu int) (t cpuTimes, err error) {
	name := "cpu"
	if cpu >= 0 {
		name += strconv.Itoa(cpu)
	}
	const idle, iowait, steal = 3, 4, 7 // what follows is counted in the others
	for line := range strings.Lines(stat) {
		fields := strings.Fields(line)
		if len(fields) <= steal+1 || fields[0] != name {
			continue
		}
		for i, field := range fields[1 : steal+2] {
			ticks, err := strconv.ParseInt(field, 10, 64)
			if err != nil {
				return t, fmt.Errorf("times of %s: %w", name, err)
			}
			t.all += ticks
			if i == idle || i == iowait {
				t.idle += ticks
			}
		}
		return t, nil
	}
	return t, fmt.Errorf("times of %s: not in /proc/stat", name)
}

// idleSince is the share of the time since before in which the CPU was idle.
func (t cpuTimes) idleSince(before cpuTimes) float64 {
	return ratio(float64(t.idle-before.idle), float64(t.all-before.all))
}
