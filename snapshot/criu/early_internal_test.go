package criu

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"
	"google.golang.org/protobuf/encoding/protowire"

	"github.com/pronghorn-faas/pronghorn/snapshot"
	"github.com/pronghorn-faas/pronghorn/snapshot/userfault"
)

// mappingsImage is the list of mappings of process 7.
func mappingsImage(mappings ...mapping) snapshot.ImageFile {
	var entry []byte
	for _, m := range mappings {
		fields := appendMessage(nil, fieldStart, m.start, fieldEnd, m.end, fieldProt, m.prot, fieldFlags, m.flags, fieldStatus, m.status, fieldAdvice, m.advice)
		entry = protowire.AppendTag(entry, fieldMappings, protowire.BytesType)
		entry = protowire.AppendBytes(entry, fields[4:])
	}
	raw := protowire.AppendTag(nil, 1, protowire.VarintType) // which is another field
	raw = append(protowire.AppendVarint(raw, 0x1000), entry...)
	return snapshot.ImageFile{Name: "mm-7.img", Data: append([]byte{1, 2, 3, 4, 5, 6, 7, 8, byte(len(raw)), byte(len(raw) >> 8), 0, 0}, raw...)}
}

func data(start, end uint64) mapping {
	return mapping{span{start, end}, unix.PROT_READ | unix.PROT_WRITE, unix.MAP_PRIVATE, areaRegular | areaFilePrivate, 0}
}

func anonymous(start, end uint64) mapping {
	return mapping{span{start, end}, unix.PROT_READ | unix.PROT_WRITE, unix.MAP_PRIVATE | unix.MAP_ANONYMOUS, areaRegular | areaAnonPrivate, 0}
}

func with(m mapping, change func(*mapping)) mapping {
	change(&m)
	return m
}

// TestChangedDataOfFilesAreLeftToUs: pages 0x20000 of lazyMap are no lazy ones.
func TestChangedDataOfFilesAreLeftToUs(t *testing.T) {
	theirs := []userfault.Region{region(0x20000, 0x21000, 2*pageSize)}
	for claim, c := range map[string]struct {
		files []snapshot.ImageFile
		want  []userfault.Region
	}{
		"a library's data":        {[]snapshot.ImageFile{mappingsImage(data(0x1f000, 0x22000))}, theirs},
		"of nothing that is here": {[]snapshot.ImageFile{mappingsImage(data(0x22000, 0x23000))}, nil},
		"nothing is known":        {nil, nil},
		"read-only":               {[]snapshot.ImageFile{mappingsImage(with(data(0x1f000, 0x22000), func(m *mapping) { m.prot = unix.PROT_READ }))}, nil},
		"locked":                  {[]snapshot.ImageFile{mappingsImage(with(data(0x1f000, 0x22000), func(m *mapping) { m.flags |= unix.MAP_LOCKED }))}, nil},
		"anonymous":               {[]snapshot.ImageFile{mappingsImage(anonymous(0x1f000, 0x22000))}, nil},
		"shared with a child":     {[]snapshot.ImageFile{mappingsImage(data(0x1f000, 0x22000)), {Name: "pagemap-8.img", Data: lazyMap().Data}}, nil},
	} {
		all, _, err := laterOf(append([]snapshot.ImageFile{lazyMap()}, c.files...), nil, true)
		if err != nil {
			t.Errorf("%s: %v", claim, err)
			continue
		}
		if diff := cmp.Diff(c.want, all[0].Written); diff != "" {
			t.Errorf("%s (-want +got):\n%s", claim, diff)
		}
	}
}

func TestBrokenListOfMappingsIsAnError(t *testing.T) {
	broken := mappingsImage(data(0x1f000, 0x22000))
	broken.Data = broken.Data[:len(broken.Data)-1]
	if _, _, err := laterOf([]snapshot.ImageFile{lazyMap(), broken}, nil, false); err == nil {
		t.Error("no error")
	}
}

func TestMemoryThatMayBeInHugePages(t *testing.T) {
	for claim, c := range map[string]struct {
		mapping mapping
		may     bool
	}{
		"anonymous":             {anonymous(0, 1), true},
		"the heap":              {with(anonymous(0, 1), func(m *mapping) { m.status |= areaHeap }), true},
		"a file's":              {data(0, 1), false},
		"not to be written to":  {with(anonymous(0, 1), func(m *mapping) { m.prot = unix.PROT_READ | unix.PROT_EXEC }), false},
		"the function does not": {with(anonymous(0, 1), func(m *mapping) { m.advice = 1 << unix.MADV_NOHUGEPAGE }), false},
	} {
		if mayBeHuge(c.mapping) != c.may {
			t.Errorf("%s: got %v, want %v", claim, !c.may, c.may)
		}
	}
}

func TestDenseMemoryComesInHugePages(t *testing.T) {
	const at = 64 * userfault.HugeSize
	half := userfault.Region{Start: at, End: at + userfault.HugeSize/2}
	most := []userfault.Region{{Start: at, End: at + userfault.HugeSize/2}, {Start: at + userfault.HugeSize/2 + pageSize, End: at + 3*userfault.HugeSize}}
	whole := []span{{at, at + userfault.HugeSize}}
	for claim, c := range map[string]struct {
		within        []span
		regions, soon []userfault.Region
		want          []uint64
	}{
		"most of it is there":             {whole, most, []userfault.Region{half}, []uint64{at}},
		"two, one of them touched":        {[]span{{at, at + 2*userfault.HugeSize}}, most, []userfault.Region{half}, []uint64{at}},
		"nothing is touched":              {whole, most, nil, nil},
		"half of it is there":             {whole, []userfault.Region{half}, []userfault.Region{half}, nil},
		"the mapping ends before":         {[]span{{at, at + userfault.HugeSize - pageSize}}, most, []userfault.Region{half}, nil},
		"the mapping begins behind":       {[]span{{at + pageSize, at + 2*userfault.HugeSize}}, most, []userfault.Region{half}, nil},
		"there is no mapping of the kind": {nil, most, []userfault.Region{half}, nil},
	} {
		if diff := cmp.Diff(c.want, dense(c.within, c.regions, c.soon)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", claim, diff)
		}
	}
}
