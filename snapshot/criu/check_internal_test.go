package criu

import (
	"errors"
	"strings"
	"testing"
)

func TestCheckOfCRIUIsReadAright(t *testing.T) {
	const (
		tun      = "Error (criu/tun.c:85): tun: Unable to create tun: No such file or directory\n"
		readOnly = "Error (criu/cr-check.c:160): sys/kernel/ns_last_pid sysctl is inaccessible: Read-only file system\n"
		missing  = "Error (criu/cr-check.c:160): sys/kernel/ns_last_pid sysctl is inaccessible: No such file or directory\n"
		sockDiag = "Error (criu/cr-check.c:120): The sock diag infrastructure is incomplete.\n"
		bad      = "Warn  (criu/cr-check.c:1674): Does not look good.\n"
	)
	failed := errors.New("exit status 1")
	for claim, tc := range map[string]struct {
		out   string
		err   error
		wants string // "" = it works
	}{
		"it works":                               {out: tun + "Looks good.\n"},
		"a read-only /proc/sys is no matter":     {out: tun + readOnly + bad, err: failed},
		"a kernel without the file is":           {out: missing + bad, err: failed, wants: "No such file"},
		"another lack is":                        {out: sockDiag + bad, err: failed, wants: "criu check: (criu/cr-check.c:120): The sock diag"},
		"and what ended it before it could look": {out: tun, err: failed, wants: "Unable to create tun"},
		"or nobody knows what":                   {err: failed, wants: "exit status 1"},
	} {
		t.Run(claim, func(t *testing.T) {
			switch err := checkFailure(tc.out, tc.err); {
			case tc.wants == "" && err != nil:
				t.Error(err)
			case tc.wants != "" && (err == nil || !strings.Contains(err.Error(), tc.wants) || !errors.Is(err, ErrUnavailable)):
				t.Errorf("got %v, want an ErrUnavailable with %q", err, tc.wants)
			}
		})
	}
}
