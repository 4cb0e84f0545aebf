package snapshot

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
)

const (
	// maxKeyFile bounds a key file, in bytes.
	maxKeyFile = 1 << 20
	// maxKeyName leaves room for the fingerprint in a name's length.
	maxKeyName = maxName - 9
)

// Unencrypted is the line of a key file, and the id, that stands for no key. A
// keyring with keys reads snapshots that are not encrypted only if it has it:
// else whoever can write to the pool and register could have workers run a
// process of their own making.
const Unencrypted = "unencrypted"

// Keyring holds the keys with which the snapshots of a function are encrypted.
// A nil Keyring has none: what is written is not encrypted, and what is
// encrypted cannot be read. Printing a Keyring shows the ids only.
type Keyring struct{ keys []namedKey }

// namedKey is a key of the file. Its id is its name and a fingerprint of its
// secret, so that two secrets of one name, a mistake in somebody's settings, are
// two keys: what the one encrypts is not offered to who has the other.
type namedKey struct {
	id, name string
	secret   [sha256.Size]byte
}

// fingerprintContext keeps fingerprints apart from all other uses of a key.
const fingerprintContext = "pronghorn key id\x00"

func newKey(name string, secret [sha256.Size]byte) namedKey {
	sum := sha256.Sum256(append([]byte(fingerprintContext), secret[:]...))
	return namedKey{id: name + "-" + hex.EncodeToString(sum[:4]), name: name, secret: secret}
}

// ReadKeyring reads a key file: on every line the name of a key and, after
// spaces, 32 bytes in base64, or the word "unencrypted"; the first one is the
// current one, with which is written. Empty lines and those that start with # are left out. An error
// names the line and shows nothing of it.
func ReadKeyring(path string) (*Keyring, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, fmt.Errorf("read the key file: %w", err)
	}
	if info.Size() > maxKeyFile {
		return nil, fmt.Errorf("key file %s: %d bytes: want at most %d", path, info.Size(), maxKeyFile)
	}
	raw, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("read the key file: %w", err)
	}
	k, err := parseKeyring(string(raw))
	if err != nil {
		return nil, fmt.Errorf("key file %s: %w", path, err)
	}
	return k, nil
}

func parseKeyring(text string) (*Keyring, error) {
	k := new(Keyring)
	for i, line := range strings.Split(text, "\n") {
		line = strings.TrimSpace(line)
		if line == "" || line[0] == '#' {
			continue
		}
		if err := k.add(line); err != nil {
			return nil, fmt.Errorf("line %d: %w", i+1, err)
		}
	}
	if !slices.ContainsFunc(k.keys, func(key namedKey) bool { return key.id != Unencrypted }) {
		return nil, errors.New("no key in it: want lines of a key id and 32 bytes in base64")
	}
	return k, nil
}

// add shows nothing of a line in its errors: who mixes up the fields has the
// secret where the id should be.
func (k *Keyring) add(line string) error {
	fields := strings.Fields(line)
	if len(fields) == 1 && fields[0] == Unencrypted {
		k.keys = append(k.keys, namedKey{id: Unencrypted})
		return nil
	}
	if len(fields) != 2 {
		return fmt.Errorf("%d fields: want a key id and 32 bytes in base64, or the word %s", len(fields), Unencrypted)
	}
	if !validName(fields[0]) || len(fields[0]) > maxKeyName {
		return fmt.Errorf("the key id: want 1 to %d letters, digits, '.', '_', '-', not starting with '.'", maxKeyName)
	}
	secret, err := base64.StdEncoding.DecodeString(fields[1])
	if err != nil || len(secret) != sha256.Size {
		return errors.New("the key: want 32 bytes in base64, say of: head -c 32 /dev/urandom | base64")
	}
	if slices.ContainsFunc(k.keys, func(other namedKey) bool { return other.name == fields[0] }) {
		return errors.New("the key id is on an earlier line too")
	}
	k.keys = append(k.keys, newKey(fields[0], [sha256.Size]byte(secret)))
	return nil
}

// IDs returns the ids of the keys, "NAME-FINGERPRINT" or Unencrypted, the
// current one first.
func (k *Keyring) IDs() []string {
	if k == nil {
		return nil
	}
	var ids []string
	for _, key := range k.keys {
		ids = append(ids, key.id)
	}
	return ids
}

// Current returns the id of the key with which is encrypted, or "".
func (k *Keyring) Current() string {
	if k == nil || len(k.keys) == 0 || k.keys[0].id == Unencrypted {
		return ""
	}
	return k.keys[0].id
}

// opens reports, as ErrNoKey, that a snapshot may not be read. Packs of which
// some are encrypted and some are not take both.
func (k *Keyring) opens(m Manifest) error {
	if k == nil || slices.Contains(k.IDs(), Unencrypted) {
		return nil // packs that are encrypted say so when they are opened
	}
	for _, p := range m.Packs {
		if p.KeyID == "" {
			return fmt.Errorf("%w: snapshot %s is not encrypted: remove it, or add the line %q to the key file", ErrNoKey, m.ID, Unencrypted)
		}
	}
	return nil
}

// String shows the ids only.
func (k *Keyring) String() string { return fmt.Sprintf("keys %q", k.IDs()) }

// GoString shows the ids only.
func (k *Keyring) GoString() string { return k.String() }

// Format shows the ids only, whatever the verb.
func (k *Keyring) Format(f fmt.State, _ rune) { _, _ = f.Write([]byte(k.String())) }

// secret returns the key with the id.
func (k *Keyring) secret(id string) ([]byte, error) {
	if k != nil {
		for i := range k.keys {
			if k.keys[i].id == id {
				return k.keys[i].secret[:], nil
			}
		}
	}
	return nil, fmt.Errorf("%w: %q: add it to the key file", ErrNoKey, id)
}
