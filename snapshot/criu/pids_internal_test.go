package criu

import (
	"os"
	"path/filepath"
	"testing"
)

// cursorOf opens a file that stands for the kernel's cursor.
func cursorOf(t *testing.T, flags int) func() (*os.File, error) {
	path := filepath.Join(t.TempDir(), "cursor")
	if err := os.WriteFile(path, []byte("42\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	return func() (*os.File, error) { return os.OpenFile(path, flags, 0) }
}

func TestFirstWayThatWorksIsTaken(t *testing.T) {
	writable, notWritable := cursorOf(t, os.O_RDWR), cursorOf(t, os.O_RDONLY)
	denied := func() (*os.File, error) { return nil, os.ErrPermission }
	for claim, tc := range map[string]struct {
		host          bool
		proc, private func() (*os.File, error)
		want          Way
		fails         bool
	}{
		"/proc/sys is writable":                   {proc: writable, private: writable, want: Proc},
		"it is, on the machine itself":            {host: true, proc: writable, private: denied, want: Proc},
		"it is read-only":                         {proc: denied, private: writable, want: PrivateProc},
		"it opens, but takes nothing":             {proc: notWritable, private: writable, want: PrivateProc},
		"no procfs may be made":                   {proc: denied, private: denied, want: UsedUp},
		"one may be made, but takes nothing":      {proc: denied, private: notWritable, want: UsedUp},
		"read-only, and the ids are everybody's":  {host: true, proc: denied, private: writable, want: UsedUp, fails: true},
		"takes nothing, and they are everybody's": {host: true, proc: notWritable, private: writable, want: UsedUp, fails: true},
	} {
		t.Run(claim, func(t *testing.T) {
			got, cursor, err := choose(tc.host, []way{{Proc, tc.proc}, {PrivateProc, tc.private}})
			if got != tc.want || (cursor != nil) != (got != UsedUp) {
				t.Errorf("got %s with the cursor %v, want %s", got, cursor, tc.want)
			}
			if (err != nil) != tc.fails {
				t.Errorf("got the error %v, want one: %t", err, tc.fails)
			}
			if cursor != nil {
				if last, err := readCursor(cursor); err != nil || last != 42 {
					t.Errorf("the cursor is %d, %v after the trial, want 42 as before", last, err)
				}
				_ = cursor.Close()
			}
		})
	}
}

func TestFirstIDHasRoomBelowIt(t *testing.T) {
	for last, want := range map[int]int{0: 501, 60: 501, 301: 501, 302: 1002, 802: 1002, 803: 2004, 5000: 8016} {
		if got := firstAbove(last); got != want {
			t.Errorf("after id %d: got %d, want %d", last, got, want)
		}
	}
}
