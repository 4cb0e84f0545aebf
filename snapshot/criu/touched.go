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
// first the next time. The first line may be "waits" and a number, each other
// one has a process id and two addresses in hex.
const touchedFile = "pronghorn-touched"

const waitsWord = "waits "

// maxTouched bounds the lines of that file.
const maxTouched = 1 << 16

var errTouched = errors.New("the image's list of touched memory is broken")

// Touches is what is known of the memory that a process touches first.
type Touches struct {
	Ranges []userfault.Touched
	// Waits is how often the process waited for memory when it was last restored
	// before it had all of it, though it was given what was known of then; 0 if
	// nothing was.
	Waits int
}

// AddTouches adds to an image what is known of the memory that is touched first.
func AddTouches(img *snapshot.Image, t Touches) {
	list := joined(t.Ranges)
	if len(list) == 0 || len(list) > maxTouched {
		return
	}
	var b bytes.Buffer
	fmt.Fprintf(&b, "%s%d\n", waitsWord, max(t.Waits, 0))
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

// touchesIn reads the list of an image; there may be none.
func touchesIn(files []snapshot.ImageFile) (Touches, error) {
	i := slices.IndexFunc(files, func(f snapshot.ImageFile) bool { return f.Name == touchedFile })
	if i < 0 {
		return Touches{}, nil
	}
	return parseTouches(string(files[i].Data))
}

func parseTouches(text string) (t Touches, err error) {
	if first, rest, _ := strings.Cut(text, "\n"); strings.HasPrefix(first, waitsWord) { // which older images do not have
		if t.Waits, err = strconv.Atoi(first[len(waitsWord):]); err != nil || t.Waits < 0 {
			return Touches{}, fmt.Errorf("%w: it begins with %q", errTouched, first)
		}
		text = rest
	}
	for line := range strings.Lines(text) {
		r, err := parseRange(strings.TrimSuffix(line, "\n"))
		if err != nil || len(t.Ranges) == maxTouched {
			return Touches{}, fmt.Errorf("%w: %q", errTouched, strings.TrimSpace(line))
		}
		t.Ranges = append(t.Ranges, r)
	}
	t.Ranges = joined(t.Ranges)
	return t, nil
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
