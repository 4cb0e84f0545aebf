package snapshot

import (
	"errors"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
)

// maxPID is the kernel's PID_MAX_LIMIT.
const maxPID = 4 << 20

// check reports the first value that breaks the format.
func (m Manifest) check() error {
	if m.Format != Format {
		return fmt.Errorf("format %q: want %q", m.Format, Format)
	}
	for _, check := range []func() error{m.checkNames, m.checkOrigin, m.Process.check, m.checkFiles, m.checkPacks, m.checkMeta, m.checkMaps} {
		if err := check(); err != nil {
			return err
		}
	}
	return nil
}

func (m Manifest) checkNames() error {
	return errors.Join(
		checkName("id", m.ID),
		checkName("function", m.Function),
		checkName("lifetime", m.Lifetime),
		checkName("platform", m.Platform),
	)
}

func (m Manifest) checkOrigin() error {
	switch {
	case m.Parent != "" && !validName(m.Parent):
		return checkName("parent", m.Parent)
	case m.Parent == m.ID:
		return fmt.Errorf("parent %q: the snapshot is its own parent", m.Parent)
	case m.RequestNumber < 0 || m.RequestNumber > math.MaxInt32:
		return fmt.Errorf("request_number %d: want 0 to %d", m.RequestNumber, math.MaxInt32)
	case m.Created.IsZero():
		return errors.New("created: want a time")
	case !slices.Contains([]string{"pypy", "jvm", "node", "other"}, m.Runtime):
		return fmt.Errorf("runtime %q: want pypy, jvm, node or other", m.Runtime)
	}
	return nil
}

func (p Process) check() error {
	if err := p.checkTIDs(); err != nil {
		return err
	}
	if p.PID < 1 || !slices.Contains(p.TIDs, p.PID) {
		return fmt.Errorf("process: pid %d: want one of tids", p.PID)
	}
	if highest := p.TIDs[len(p.TIDs)-1]; p.MaxTID != highest {
		return fmt.Errorf("process: max_tid %d: want the highest of tids, %d", p.MaxTID, highest)
	}
	for _, pipe := range []string{p.Stdout, p.Stderr} {
		if pipe != "" && !isPipe(pipe) {
			return fmt.Errorf("process: stdout or stderr %q: want pipe:[NUMBER], or nothing if it is no pipe", pipe)
		}
	}
	return nil
}

func (p Process) checkTIDs() error {
	last := 0
	for _, tid := range p.TIDs {
		if tid <= last || tid > maxPID {
			return fmt.Errorf("process: %d after %d in tids: want ascending numbers from 1 to %d", tid, last, maxPID)
		}
		last = tid
	}
	return nil
}

func isPipe(s string) bool {
	inode, ok := strings.CutPrefix(s, "pipe:[")
	inode, closed := strings.CutSuffix(inode, "]")
	_, err := strconv.ParseUint(inode, 10, 64)
	return ok && closed && err == nil
}
