package userfault

import (
	"slices"
	"sort"
)

// regions are what a process is still to get, by their addresses, which do not
// overlap.
type regions []Region

// index is where the first region is that ends behind an address.
func (r regions) index(address uint64) int {
	return sort.Search(len(r), func(i int) bool { return r[i].End > address })
}

// find returns the region that an address is in.
func (r regions) find(address uint64) (Region, bool) {
	i := r.index(address)
	if i == len(r) || r[i].Start > address {
		return Region{}, false
	}
	return r[i], true
}

// gap is the memory around an address that no region is in, within bounds.
func (r regions) gap(address, from, to uint64) (start, end uint64) {
	i := r.index(address)
	if i > 0 {
		from = max(from, r[i-1].End)
	}
	if i < len(r) {
		to = min(to, r[i].Start)
	}
	return from, to
}

// within returns the parts that are in a region.
func (r regions) within(of Region) []Region {
	var parts []Region
	for i := r.index(of.Start); i < len(r) && r[i].Start < of.End; i++ {
		parts = append(parts, r[i].Between(of.Start, of.End))
	}
	return parts
}

// with returns the regions with others, which are beside one another.
func (r regions) with(others []Region) regions {
	if len(others) == 0 {
		return r
	}
	return slices.Insert(r, r.index(others[0].Start), others...)
}

// without returns the regions without what is between two addresses.
func (r regions) without(start, end uint64) regions {
	from := r.index(start)
	to := from
	var left []Region
	for ; to < len(r) && r[to].Start < end; to++ {
		if r[to].Start < start {
			left = append(left, r[to].Between(r[to].Start, start))
		}
		if r[to].End > end {
			left = append(left, r[to].Between(end, r[to].End))
		}
	}
	if to == from {
		return r
	}
	return slices.Replace(r, from, to, left...)
}

// moved returns the regions after memory has moved: what was at from is at to,
// and what was there is gone.
func (r regions) moved(from, to, bytes uint64) regions {
	moving := r.within(Region{Start: from, End: from + bytes})
	for i := range moving {
		moving[i].Start, moving[i].End = moving[i].Start-from+to, moving[i].End-from+to
	}
	r = r.without(from, from+bytes).without(to, to+bytes)
	return r.with(moving)
}
