package criu

import (
	"errors"
	"fmt"
	"strings"

	"golang.org/x/sys/unix"
	"google.golang.org/protobuf/encoding/protowire"

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

// mapping is what an image says of one.
type mapping struct {
	span
	prot, flags, status, advice uint64
}

// mappingsOf returns the mappings of processes, by the names of their page maps.
func mappingsOf(files []snapshot.ImageFile) (map[string][]mapping, error) {
	all := map[string][]mapping{}
	for _, f := range files {
		number, is := strings.CutPrefix(f.Name, mappingsPrefix)
		if !is {
			continue
		}
		list, err := mappingsIn(f.Data)
		if err != nil {
			return nil, fmt.Errorf("%w: %s: %w", errMappings, f.Name, err)
		}
		all[pagemapPrefix+number] = list
	}
	return all, nil
}

// spansOf returns where the mappings of a kind are, in the order of their addresses.
func spansOf(mappings []mapping, is func(mapping) bool) (spans []span) {
	for _, m := range mappings {
		if is(m) {
			spans = append(spans, m.span)
		}
	}
	return spans
}

// Fields of the messages in a list of mappings.
const (
	fieldMappings = 14
	fieldStart    = 1
	fieldEnd      = 2
	fieldProt     = 5
	fieldFlags    = 6
	fieldStatus   = 7
	fieldAdvice   = 9
)

// mappingsIn decodes the one message of a list of mappings. The decoders that
// there are for it look at all their types at first, which takes longer.
func mappingsIn(raw []byte) (all []mapping, err error) {
	list, err := messages(raw)
	if err != nil {
		return nil, err
	}
	if len(list) != 1 {
		return nil, fmt.Errorf("%d messages, want one", len(list))
	}
	for raw := list[0]; len(raw) > 0; {
		field, kind, n := protowire.ConsumeField(raw)
		if n < 0 {
			return nil, protowire.ParseError(n)
		}
		if field == fieldMappings && kind == protowire.BytesType {
			_, _, tag := protowire.ConsumeTag(raw)
			inner, _ := protowire.ConsumeBytes(raw[tag:])
			v, err := integers(inner)
			if err != nil {
				return nil, err
			}
			all = append(all, mapping{span{v[fieldStart], v[fieldEnd]}, v[fieldProt], v[fieldFlags], v[fieldStatus], v[fieldAdvice]})
		}
		raw = raw[n:]
	}
	return all, nil
}

// startsEmpty reports whether a mapping is made of zeros when it is new: what is
// not in the image reads as zeros.
func startsEmpty(m mapping) bool {
	const flags = unix.MAP_PRIVATE | unix.MAP_ANONYMOUS
	return m.status&^(areaStack|areaHeap) == areaRegular|areaAnonPrivate &&
		m.flags&flags == flags && m.flags&(unix.MAP_HUGETLB|unix.MAP_GROWSDOWN) == 0
}

// mayBeHuge reports whether a mapping may have huge pages that are written to.
func mayBeHuge(m mapping) bool {
	return startsEmpty(m) && m.prot&unix.PROT_WRITE != 0 && m.advice&(1<<unix.MADV_NOHUGEPAGE) == 0
}

// isWritableFile reports whether a mapping is a file's, whose changes are the
// process's own: a library's data, for one.
func isWritableFile(m mapping) bool {
	return m.status == areaRegular|areaFilePrivate && m.flags&unix.MAP_PRIVATE != 0 &&
		m.flags&(unix.MAP_ANONYMOUS|unix.MAP_LOCKED) == 0 && m.prot&unix.PROT_WRITE != 0
}
