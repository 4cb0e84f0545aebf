package criu

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/pronghorn-faas/pronghorn/snapshot"
	"github.com/pronghorn-faas/pronghorn/snapshot/userfault"
)

// touchedFile is a file of ours among CRIU's: what memory the process touched
// first when it was restored itself, which most probably is what it will touch
// first the next time. Each line has a process id and two addresses in hex.
const touchedFile = "pronghorn-touched"

// maxTouched bounds the lines of that file.
const maxTouched = 1 << 16

var errTouched = errors.New("the image's list of touched memory is broken")

// AddTouched adds to an image what memory was touched first.
func AddTouched(img *snapshot.Image, touched []userfault.Touched) {
	list := joined(touched)
	if len(list) == 0 || len(list) > maxTouched {
		return
	}
	var b bytes.Buffer
	for _, t := range list {
		fmt.Fprintf(&b, "%d %x %x\n", t.PID, t.Start, t.End)
	}
	addFile(img, touchedFile, b.Bytes())
}

// joined returns ranges without those of children that were made since, in order
// and without overlaps.
func joined(touched []userfault.Touched) []userfault.Touched {
	touched = slices.DeleteFunc(slices.Clone(touched), func(t userfault.Touched) bool { return t.PID <= 0 || t.End <= t.Start })
	slices.SortFunc(touched, func(a, b userfault.Touched) int {
		return cmp.Or(cmp.Compare(a.PID, b.PID), cmp.Compare(a.Start, b.Start))
	})
	var list []userfault.Touched
	for _, t := range touched {
		if n := len(list); n > 0 && list[n-1].PID == t.PID && t.Start <= list[n-1].End {
			list[n-1].End = max(list[n-1].End, t.End)
			continue
		}
		list = append(list, t)
	}
	return list
}

// touchedIn reads the list of an image; there may be none.
func touchedIn(files []snapshot.ImageFile) ([]userfault.Touched, error) {
	i := slices.IndexFunc(files, func(f snapshot.ImageFile) bool { return f.Name == touchedFile })
	if i < 0 {
		return nil, nil
	}
	return parseTouched(files[i].Data)
}

func parseTouched(raw []byte) ([]userfault.Touched, error) {
	var list []userfault.Touched
	for line := range strings.Lines(string(raw)) {
		t, err := parseRange(strings.TrimSuffix(line, "\n"))
		if err != nil || len(list) == maxTouched {
			return nil, fmt.Errorf("%w: line %d: %q", errTouched, len(list)+1, strings.TrimSpace(line))
		}
		list = append(list, t)
	}
	return joined(list), nil
}

func parseRange(line string) (t userfault.Touched, err error) {
	pid, addresses, _ := strings.Cut(line, " ")
	start, end, _ := strings.Cut(addresses, " ")
	var errs [3]error
	t.PID, errs[0] = strconv.Atoi(pid)
	t.Start, errs[1] = strconv.ParseUint(start, 16, 64)
	t.End, errs[2] = strconv.ParseUint(end, 16, 64)
	if err = errors.Join(errs[:]...); err == nil && (t.PID <= 0 || t.Start%pageSize != 0 || t.End%pageSize != 0 || t.End <= t.Start) {
		err = errTouched
	}
	return t, err
}

// soon returns the parts of the regions of a process that are in the list. Both
// are in the order of their addresses.
func soon(pid int, regions []userfault.Region, touched []userfault.Touched) []userfault.Region {
	var parts []userfault.Region
	for _, t := range touched {
		if t.PID != pid {
			continue
		}
		for len(regions) > 0 && regions[0].End <= t.Start {
			regions = regions[1:]
		}
		for _, r := range regions {
			if r.Start >= t.End {
				break
			}
			parts = append(parts, r.Between(t.Start, t.End))
		}
	}
	return parts
}
