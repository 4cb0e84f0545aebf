package snapshot

import (
	"context"
	"errors"
)

// Base is what a new snapshot may share with the one that the process was
// restored from: where in the pool its pages are, by their contents.
type Base struct{}

// NewBase reads the assembled image of the snapshot m in dir, which may go
// afterwards.
func NewBase(ctx context.Context, m Manifest, dir string) (*Base, error) {
	return nil, errors.New("not built yet")
}

// Packs returns the ids of the packs that hold pages of the base.
func (b *Base) Packs() []string { return nil }
