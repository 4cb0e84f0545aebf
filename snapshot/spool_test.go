package snapshot

import (
	"bytes"
	"io"
	"testing"
	"testing/iotest"
)

func TestASpoolGivesBackWhatItGot(t *testing.T) {
	for name, limit := range map[string]int64{"in memory": 1 << 20, "in a file": 0, "in both": 30} {
		t.Run(name, func(t *testing.T) {
			s := &spool{limit: limit}
			defer s.close()
			var want []byte
			for i := range 50 {
				blob := bytes.Repeat([]byte{byte(i)}, i%7)
				want = append(want, blob...)
				if err := s.add(blob); err != nil {
					t.Fatal(err)
				}
			}
			for range 2 { // a try is repeated
				r, err := s.open()
				if err != nil || r.Len() != len(want) {
					t.Fatalf("%d bytes, %v; want %d", r.Len(), err, len(want))
				}
				if err := iotest.TestReader(io.MultiReader(r), want); err != nil {
					t.Error(err)
				}
				if r.Len() != 0 {
					t.Errorf("%d bytes are left", r.Len())
				}
			}
		})
	}
}
