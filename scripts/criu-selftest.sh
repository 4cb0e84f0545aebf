#!/bin/sh
# criu-selftest.sh CRIU: does this CRIU work on this kernel?
# Runs `criu check`, then dumps and restores a process that listens on a TCP
# socket, as a function does, inside its own PID and mount namespaces.
# Exit 0: it works. Otherwise the reason is on standard error.
set -u
criu=${1:?usage: criu-selftest.sh CRIU}

if [ "${PRONGHORN_SELFTEST_INSIDE:-}" != yes ]; then
	PRONGHORN_SELFTEST_INSIDE=yes exec unshare --pid --fork --mount --mount-proc --kill-child sh "$0" "$criu" </dev/null
fi

fail() {
	echo "criu-selftest: $criu: $1" >&2
	[ -r "$work/$2" ] && grep -E 'Error|Warn' "$work/$2" | tail -5 >&2
	exit 1
}

work=$(mktemp -d /dev/shm/criu-selftest.XXXXXX)
trap 'rm -rf "$work"' EXIT
mkdir "$work/images"

"$criu" check >"$work/check.log" 2>&1 || fail "criu check fails" check.log

cat >"$work/listen.pl" <<'PERL'
use Socket;
use POSIX ();
POSIX::close($_) for 3 .. 255; # whatever the shell left open cannot be dumped
socket(my $s, PF_INET, SOCK_STREAM, 0) or die;
bind($s, sockaddr_in(0, INADDR_LOOPBACK)) or die;
listen($s, 5) or die;
open(my $ready, '>', "$ARGV[0]/ready"); close($ready);
while (1) { sleep 1; }
PERL

echo 3000 >/proc/sys/kernel/ns_last_pid 2>/dev/null
setsid perl "$work/listen.pl" "$work" </dev/null >/dev/null 2>&1 &
pid=$!
i=0
until [ -e "$work/ready" ]; do
	i=$((i + 1))
	[ $i -lt 100 ] || fail "the test process did not start" none
	sleep 0.05
done
"$criu" dump -t "$pid" -D "$work/images" -v2 -o dump.log --network-lock skip --manage-cgroups=ignore >/dev/null 2>&1 ||
	fail "a dump fails" images/dump.log
wait "$pid" 2>/dev/null
"$criu" restore -d -D "$work/images" -v2 -o restore.log --manage-cgroups=ignore >/dev/null 2>&1 ||
	fail "a restore fails" images/restore.log
kill -9 "$pid" 2>/dev/null || fail "the restored process is not there" images/restore.log
