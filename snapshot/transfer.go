package snapshot

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"

	"github.com/hashicorp/go-retryablehttp"
)

// Transfer moves snapshots between a worker and the pool by URLs alone: a
// function container holds no credentials of the pool, only a URL for each of
// the two objects of one snapshot, presigned by S3 or served by the agent.
type Transfer struct{ http *retryablehttp.Client }

// NewTransfer returns a Transfer over c; nil means a client of its own, whose
// timeouts suit objects of any size. Calls are bounded by their contexts.
func NewTransfer(c *http.Client) *Transfer {
	if c == nil {
		c = &http.Client{Transport: newTransport()}
	}
	return &Transfer{http: newRetrying(c)}
}

// Fetch reads a manifest, verifies it against its registered SHA-256, reads the
// pack and unpacks it into dir. moved is the number of bytes that were received,
// repeated tries included, also when Fetch fails. Data that differs from its
// checksum or its format is ErrCorrupt, an object that is gone is ErrNotExist.
func (t *Transfer) Fetch(ctx context.Context, manifestURL, manifestSHA256, packURL, dir string) (m Manifest, moved int64, err error) {
	s := newSender(t.http)
	m, err = s.fetchManifest(ctx, manifestURL, manifestSHA256)
	if err != nil {
		return Manifest{}, s.moved.Load(), fmt.Errorf("fetch the manifest: %w", err)
	}
	if err := s.fetchPack(ctx, packURL, m.Pack, dir); err != nil {
		return Manifest{}, s.moved.Load(), fmt.Errorf("fetch the pack of snapshot %s: %w", m.ID, err)
	}
	return m, s.moved.Load(), nil
}

// Store writes the image files in dir as a pack and then m, completed with the
// format and the description of that pack, as the manifest. It returns the
// SHA-256 of the manifest, with which the snapshot is registered. moved is the
// number of bytes that were sent, repeated tries included, also when Store fails.
//
// Every try reads dir anew and hashes what it sends; dir must not change.
func (t *Transfer) Store(ctx context.Context, packURL, manifestURL, dir string, m Manifest) (manifestSHA256 string, moved int64, err error) {
	s := newSender(t.http)
	m.Format = Format
	m.Pack, err = s.storePack(ctx, packURL, dir)
	if err != nil {
		return "", s.moved.Load(), fmt.Errorf("store the pack of snapshot %s: %w", m.ID, err)
	}
	manifestSHA256, err = s.storeManifest(ctx, manifestURL, m)
	if err != nil {
		return "", s.moved.Load(), fmt.Errorf("store the manifest of snapshot %s: %w", m.ID, err)
	}
	return manifestSHA256, s.moved.Load(), nil
}

func (s *sender) fetchManifest(ctx context.Context, url, sha256hex string) (m Manifest, err error) {
	err = s.get(ctx, url, func(r io.Reader, _ int64) error {
		raw, err := io.ReadAll(io.LimitReader(r, maxManifest+1))
		if err != nil {
			return err
		}
		m, err = DecodeManifest(raw, sha256hex)
		return err
	})
	return m, err
}

func (s *sender) fetchPack(ctx context.Context, url string, p Pack, dir string) error {
	return s.get(ctx, url, func(r io.Reader, size int64) error {
		if size >= 0 && size != p.Bytes { // known before the first byte is read
			return fmt.Errorf("%w: the pack has %d bytes, the manifest says %d", ErrCorrupt, size, p.Bytes)
		}
		return Unpack(ctx, r, p, dir)
	})
}

func (s *sender) storePack(ctx context.Context, url, dir string) (Pack, error) {
	var last *PackReader // what the try that succeeded has read
	err := s.put(ctx, url, func() (_ body, err error) {
		last, err = OpenPack(dir)
		return last, err
	})
	if err != nil {
		return Pack{}, err
	}
	return last.Pack()
}

func (s *sender) storeManifest(ctx context.Context, url string, m Manifest) (sha256hex string, err error) {
	raw, sum, err := m.Encode()
	if err != nil {
		return "", err
	}
	return sum, s.put(ctx, url, func() (body, error) { return memory{bytes.NewReader(raw)}, nil })
}

// memory is a body that is held in memory.
type memory struct{ *bytes.Reader }

func (memory) Close() error { return nil }
