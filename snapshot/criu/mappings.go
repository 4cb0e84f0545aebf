package criu

import (
	"errors"
	"fmt"
	"strings"

	"github.com/checkpoint-restore/go-criu/v7/crit/images/mm"
	"github.com/checkpoint-restore/go-criu/v7/crit/images/vma"
	"golang.org/x/sys/unix"
	"google.golang.org/protobuf/proto"

	"github.com/pronghorn-faas/pronghorn/snapshot"
)

// mappingsPrefix begins the names of the images that list mappings; what follows
// is as in the name of the process's page map.
const mappingsPrefix = "mm-"

// What CRIU says of a mapping, in a bit mask.
const (
	areaRegular     = 1 << 0
	areaStack       = 1 << 1
	areaHeap        = 1 << 5
	areaFilePrivate = 1 << 6
	areaAnonPrivate = 1 << 9
)

var errMappings = errors.New("the image's list of mappings is broken")

// span is a range of addresses.
type span struct{ start, end uint64 }

// spansOf returns, by the name of a page map, where the mappings of its process
// are of a kind, in the order of their addresses.
func spansOf(files []snapshot.ImageFile, is func(*vma.VmaEntry) bool) (map[string][]span, error) {
	spans := map[string][]span{}
	for _, f := range files {
		number, isMappings := strings.CutPrefix(f.Name, mappingsPrefix)
		if !isMappings {
			continue
		}
		var entry mm.MmEntry
		if err := decodeOnly(f.Data, &entry); err != nil {
			return nil, fmt.Errorf("%w: %s: %w", errMappings, f.Name, err)
		}
		for _, v := range entry.GetVmas() {
			if is(v) {
				spans["pagemap-"+number] = append(spans["pagemap-"+number], span{v.GetStart(), v.GetEnd()})
			}
		}
	}
	return spans, nil
}

// decodeOnly decodes the one message of an image.
func decodeOnly(raw []byte, m proto.Message) error {
	list, err := messages(raw)
	if err != nil {
		return err
	}
	if len(list) != 1 {
		return fmt.Errorf("%d messages, want one", len(list))
	}
	return proto.Unmarshal(list[0], m)
}

// startsEmpty reports whether a mapping is made of zeros when it is new: what is
// not in the image reads as zeros.
func startsEmpty(v *vma.VmaEntry) bool {
	const flags = unix.MAP_PRIVATE | unix.MAP_ANONYMOUS
	status := v.GetStatus()
	return status&^(areaStack|areaHeap) == areaRegular|areaAnonPrivate &&
		v.GetFlags()&flags == flags && v.GetFlags()&(unix.MAP_HUGETLB|unix.MAP_GROWSDOWN) == 0
}

// isWritableFile reports whether a mapping is a file's, whose changes are the
// process's own: a library's data, for one.
func isWritableFile(v *vma.VmaEntry) bool {
	return v.GetStatus() == areaRegular|areaFilePrivate && v.GetFlags()&unix.MAP_PRIVATE != 0 &&
		v.GetFlags()&(unix.MAP_ANONYMOUS|unix.MAP_LOCKED) == 0 && v.GetProt()&unix.PROT_WRITE != 0
}
