package snapshot

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
)

// maxManifest bounds an encoded manifest, in bytes. Real ones have some tens of
// KB, about 1 KB for every MB of image.
const maxManifest = 4 << 20

// A frame takes at least minFrame bytes of JSON, and everything else is no more
// than maxObjects objects: what has more is not decoded into memory.
const (
	minFrame   = 100
	maxObjects = 2 * (maxFiles + maxPacks)
)

// formatName is what Format starts with in every version, and formatVersion
// how it goes on in this one.
const (
	formatName    = "pronghorn-snapshot/"
	formatVersion = 2
)

// Encode checks the manifest and returns its JSON and the SHA-256 of that in
// hex, which is to be kept with the pool entry.
func (m Manifest) Encode() (raw []byte, sha256hex string, err error) {
	if err := m.check(); err != nil {
		return nil, "", fmt.Errorf("manifest of snapshot %q: %w", m.ID, err)
	}
	raw, err = json.Marshal(m)
	if err != nil {
		return nil, "", fmt.Errorf("encode the manifest of snapshot %s: %w", m.ID, err)
	}
	if len(raw) > maxManifest {
		return nil, "", fmt.Errorf("manifest of snapshot %s: %d bytes long, want at most %d: the image is too large", m.ID, len(raw), maxManifest)
	}
	return raw, sha256Hex(raw), nil
}

// DecodeManifest decodes a manifest whose SHA-256 must be wantSHA256. It is
// strict: unknown fields, trailing data and values that contradict each other
// are ErrCorrupt; another version of the format is ErrFormat. What it returns
// can be relied on: every number is within its bounds, every page of the image
// is in a frame that is listed, and every frame inside its pack.
func DecodeManifest(raw []byte, wantSHA256 string) (Manifest, error) {
	if len(raw) > maxManifest {
		return Manifest{}, fmt.Errorf("%w: manifest is longer than %d bytes", ErrCorrupt, maxManifest)
	}
	if got := sha256Hex(raw); got != wantSHA256 {
		return Manifest{}, fmt.Errorf("%w: sha256 of the manifest is %s, the registered one %q", ErrCorrupt, got, wantSHA256)
	}
	if err := checkFormat(raw); err != nil {
		return Manifest{}, err
	}
	m, err := decodeStrict(raw)
	if err == nil {
		err = m.check()
	}
	if err != nil {
		return Manifest{}, fmt.Errorf("%w: manifest: %w", ErrCorrupt, err)
	}
	return m, nil
}

// checkFormat comes before the strict decoding: a manifest of another version
// is to be called that, not broken.
func checkFormat(raw []byte) error {
	var m struct {
		Format string `json:"format"`
	}
	err := json.Unmarshal(raw, &m)
	version, known := strings.CutPrefix(m.Format, formatName)
	number, errNumber := strconv.ParseUint(version, 10, 32)
	switch {
	case m.Format == Format:
		return nil
	case err != nil:
		return fmt.Errorf("%w: manifest: %w", ErrCorrupt, err)
	case known && errNumber == nil && number > formatVersion:
		return fmt.Errorf("%w: %q is newer than %q: upgrade this program", ErrFormat, m.Format, Format)
	case known && errNumber == nil && number > 0:
		return fmt.Errorf("%w: %q is older than %q: delete the snapshot, a new one is taken", ErrFormat, m.Format, Format)
	}
	return fmt.Errorf("%w: manifest: format %q: want %q", ErrCorrupt, m.Format, Format)
}

func decodeStrict(raw []byte) (m Manifest, err error) {
	if n := bytes.Count(raw, []byte("{")); n > len(raw)/minFrame+maxObjects {
		return m, fmt.Errorf("%d objects in %d bytes", n, len(raw))
	}
	dec := json.NewDecoder(bytes.NewReader(raw))
	dec.DisallowUnknownFields()
	if err := dec.Decode(&m); err != nil {
		return m, err
	}
	if _, err := dec.Token(); !errors.Is(err, io.EOF) {
		return m, errors.New("something follows the JSON object")
	}
	return m, nil
}
