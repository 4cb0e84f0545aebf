package snapshot

import (
	"fmt"
	"strconv"
	"strings"
)

// manifestName is how a snapshot's manifest is called in the pool, unless it
// was repacked.
const manifestName = "manifest.json"

// ManifestKey is the key of the manifest that a snapshot is stored with.
func ManifestKey(fn, id string) string { return ManifestObject(fn, id, "") }

// ManifestObject is the key of one of a snapshot's manifests: name is
// "manifest.json" or, after the snapshot was repacked, "manifest-N.json"; ""
// stands for the former.
func ManifestObject(fn, id, name string) string {
	if name == "" {
		name = manifestName
	}
	return Prefix(fn, id) + name
}

// PackKey is the key of the pack with this id, which is that of the snapshot
// that wrote it, or, after repacking, one of its own.
func PackKey(fn, id string) string { return Prefix(fn, id) + "image.pack" }

// Prefix is what the keys of a snapshot's objects start with; with an empty id
// it is the prefix of all snapshots of the function.
func Prefix(fn, id string) string {
	if id == "" {
		return fn + "/"
	}
	return fn + "/" + id + "/"
}

// ValidManifestName reports whether name is "manifest.json" or
// "manifest-N.json" with a number N from 1 to 2³¹−1, without leading zeros.
func ValidManifestName(name string) bool {
	if name == manifestName {
		return true
	}
	number, isNumbered := strings.CutPrefix(name, "manifest-")
	number, isJSON := strings.CutSuffix(number, ".json")
	n, err := strconv.ParseInt(number, 10, 32)
	return isNumbered && isJSON && err == nil && n > 0 && strconv.FormatInt(n, 10) == number
}

func checkManifestName(name string) error {
	if name == "" || ValidManifestName(name) {
		return nil
	}
	return fmt.Errorf("manifest %q: want %s or manifest-N.json", name, manifestName)
}
