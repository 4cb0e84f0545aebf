package criu

import (
	"errors"
	"strings"
	"testing"
)

func TestCheckOfCRIUIsReadAright(t *testing.T) {
	const (
		tun      = "Error (criu/tun.c:85): tun: Unable to create tun: No such file or directory\n"
		lastPID  = "Error (criu/cr-check.c:160): sys/kernel/ns_last_pid sysctl is inaccessible: Read-only file system\n"
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
		"a read-only /proc/sys is no matter":     {out: lastPID + bad, err: failed},
		"nor is what was survived before":        {out: tun + lastPID + bad, err: failed},
		"but what else is missing":               {out: tun + lastPID + sockDiag + bad, err: failed, wants: "criu check: (criu/cr-check.c:120): The sock diag"},
		"with a writable /proc/sys it is, too":   {out: sockDiag + bad, err: failed, wants: "sock diag"},
		"and what ended it before it could look": {out: tun, err: failed, wants: "Unable to create tun"},
		"or nobody knows what":                   {err: failed, wants: "exit status 1"},
	} {
		t.Run(claim, func(t *testing.T) {
			switch err := checkFailure(tc.out, tc.err); {
			case tc.wants == "" && err != nil:
				t.Error(err)
			case tc.wants != "" && (err == nil || !strings.Contains(err.Error(), tc.wants) || strings.Contains(err.Error(), "ns_last_pid") || !errors.Is(err, ErrUnavailable)):
				t.Errorf("got %v, want an ErrUnavailable with %q", err, tc.wants)
			}
		})
	}
}
