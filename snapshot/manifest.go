package snapshot

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"slices"
	"strconv"
	"strings"
)

// maxManifest bounds an encoded manifest, in bytes; real ones have a few KB.
const maxManifest = 4 << 20

// maxPID is the kernel's PID_MAX_LIMIT.
const maxPID = 4 << 20

// formatName is what Format starts with in every version.
const formatName = "pronghorn-snapshot/"

// ErrFormat says that a manifest is of a format version that this program does
// not read.
var ErrFormat = errors.New("unknown snapshot format")

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
		return nil, "", fmt.Errorf("manifest of snapshot %s: %d bytes long, want at most %d", m.ID, len(raw), maxManifest)
	}
	return raw, sha256Hex(raw), nil
}

// DecodeManifest decodes a manifest whose SHA-256 must be wantSHA256. It is
// strict: unknown fields, trailing data and values that contradict each other
// are ErrCorrupt; another version of the format is ErrFormat.
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

// checkFormat comes before the strict decoding: a newer manifest is to be
// called newer, not broken.
func checkFormat(raw []byte) error {
	var m struct {
		Format string `json:"format"`
	}
	err := json.Unmarshal(raw, &m)
	version, known := strings.CutPrefix(m.Format, formatName)
	switch {
	case m.Format == Format:
		return nil
	case err != nil:
		return fmt.Errorf("%w: manifest: %w", ErrCorrupt, err)
	case known && newer(version):
		return fmt.Errorf("%w: %q is newer than %q: upgrade this program", ErrFormat, m.Format, Format)
	}
	return fmt.Errorf("%w: manifest: format %q: want %q", ErrCorrupt, m.Format, Format)
}

func newer(version string) bool {
	n, err := strconv.ParseUint(version, 10, 32)
	return err == nil && n > 1
}

func decodeStrict(raw []byte) (m Manifest, err error) {
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

// check reports the first value that breaks the format.
func (m Manifest) check() error {
	if m.Format != Format {
		return fmt.Errorf("format %q: want %q", m.Format, Format)
	}
	for _, check := range []func() error{m.checkNames, m.checkOrigin, m.Process.check, m.Pack.check} {
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

func (p Pack) check() error {
	if !validSHA256(p.SHA256) {
		return fmt.Errorf("pack: sha256 %q: want 64 lower-case hex digits", p.SHA256)
	}
	if len(p.Files) == 0 {
		return errors.New("pack: no files")
	}
	last := ""
	for _, f := range p.Files {
		if err := f.check(last); err != nil {
			return err
		}
		last = f.Name
	}
	return p.checkSum()
}

// checkSum subtracts, as a sum of sizes that somebody made up can overflow:
// nothing here is negative when something is taken from it.
func (p Pack) checkSum() error {
	left := p.Bytes
	for _, f := range p.Files {
		if left < 0 {
			break
		}
		left -= f.Bytes
	}
	if left != 0 {
		return fmt.Errorf("pack: bytes %d: want the sum of the files' sizes", p.Bytes)
	}
	return nil
}

// check checks a file that follows the file named last.
func (f File) check(last string) error {
	switch {
	case !validName(f.Name):
		return checkName("pack: file name", f.Name)
	case f.Name <= last:
		return fmt.Errorf("pack: file %q after %q: want files sorted by name, each once", f.Name, last)
	case f.Bytes < 0:
		return fmt.Errorf("pack: file %s: bytes %d: want 0 or more", f.Name, f.Bytes)
	case !validSHA256(f.SHA256):
		return fmt.Errorf("pack: file %s: sha256 %q: want 64 lower-case hex digits", f.Name, f.SHA256)
	}
	return nil
}
