package bytesize

import "testing"

func TestSizesAreReadable(t *testing.T) {
	for n, want := range map[int64]string{0: "0 B", 999: "999 B", 1000: "1.0 kB", 31_400_000: "31.4 MB", 5e12: "5.0 TB", 5e15: "5000.0 TB"} {
		if got := Format(n); got != want {
			t.Errorf("%d: got %q, want %q", n, got, want)
		}
	}
}
