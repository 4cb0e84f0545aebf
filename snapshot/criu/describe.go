package criu

import (
	"encoding/binary"
	"errors"
	"fmt"
	"slices"

	"github.com/checkpoint-restore/go-criu/v7/crit/images/pstree"
	"google.golang.org/protobuf/proto"

	"github.com/pronghorn-faas/pronghorn/snapshot"
)

// treeImage is the metadata image that lists processes and threads.
const treeImage = "pstree.img"

var errTree = errors.New("the image's list of processes is broken")

// describeImage completes p with the ids that are in the image: those that
// were there when the process was frozen, which a look at /proc before may
// have missed.
func describeImage(img *snapshot.Image, p snapshot.Process) (snapshot.Process, error) {
	i := slices.IndexFunc(img.Files, func(f snapshot.ImageFile) bool { return f.Name == treeImage })
	if i < 0 {
		return p, fmt.Errorf("%w: no %s", errTree, treeImage)
	}
	tids, err := treeIDs(img.Files[i].Data)
	if err != nil {
		return p, err
	}
	p.TIDs, p.MaxTID = tids, tids[len(tids)-1]
	return p, nil
}

// treeIDs returns all process and thread ids of a pstree.img, sorted.
func treeIDs(raw []byte) ([]int, error) {
	entries, err := messages(raw)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", errTree, err)
	}
	var ids []int
	for _, raw := range entries {
		var entry pstree.PstreeEntry
		if err := proto.Unmarshal(raw, &entry); err != nil {
			return nil, fmt.Errorf("%w: %w", errTree, err)
		}
		ids = append(ids, int(entry.GetPid()))
		for _, tid := range entry.GetThreads() {
			ids = append(ids, int(tid))
		}
	}
	if len(ids) == 0 {
		return nil, errTree
	}
	slices.Sort(ids)
	return slices.Compact(ids), nil
}

var errCutOff = errors.New("a message is cut off")

// messages takes an image apart: after two magic numbers messages follow each
// other, each after its length.
func messages(raw []byte) ([][]byte, error) {
	if len(raw) < 8 {
		return nil, errCutOff
	}
	var list [][]byte
	for raw = raw[8:]; len(raw) > 0; {
		if len(raw) < 4 {
			return nil, errCutOff
		}
		size := binary.LittleEndian.Uint32(raw)
		if raw = raw[4:]; uint64(size) > uint64(len(raw)) {
			return nil, errCutOff
		}
		list, raw = append(list, raw[:size]), raw[size:]
	}
	return list, nil
}
