package snapshot

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"testing"

	"github.com/cespare/xxhash/v2"
)

func TestBlockIsSummedInPlaceWhateverBecomesOfItsFile(t *testing.T) {
	whole := bytes.Repeat([]byte("0123456789abcdef"), sumBlock/8) // two blocks
	path := filepath.Join(t.TempDir(), "pages")
	if err := os.WriteFile(path, whole, 0o600); err != nil {
		t.Fatal(err)
	}
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	second := block{at: sumBlock, bytes: sumBlock}
	s := newSummer()
	if got, err := s.sumInPlace(f, second); err != nil || got != xxhash.Sum64(whole[sumBlock:]) {
		t.Errorf("the sum is %x, want %x: %v", got, xxhash.Sum64(whole[sumBlock:]), err)
	}
	if err := os.Truncate(path, sumBlock+4096); err != nil { // by somebody else, who has the cache too
		t.Fatal(err)
	}
	if _, err := s.sumInPlace(f, second); !errors.Is(err, errDamaged) {
		t.Errorf("a block whose file has become shorter: %v, want %v", err, errDamaged)
	}
	if _, err := s.sumInPlace(os.NewFile(^uintptr(0), "none"), second); !errors.Is(err, errDamaged) {
		t.Errorf("no file: %v, want %v", err, errDamaged)
	}
}
