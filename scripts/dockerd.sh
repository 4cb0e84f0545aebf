#!/usr/bin/env bash
# A Docker engine of our own for builds and container tests, beside whatever
# else runs on this machine: own socket, own data, own bridge, no firewall
# rules, nothing on the network.
#
#   scripts/dockerd.sh start     starts it if it does not answer; prints DOCKER_HOST=…
#   scripts/dockerd.sh stop      ends it, by the pid that it was started with
#   scripts/dockerd.sh status    exit 0 if it answers
#   scripts/dockerd.sh remove    stop, and delete its images and containers
#
#   eval "$(scripts/dockerd.sh start)"; export DOCKER_HOST
#
# Containers reach this machine at the bridge's address and nothing beyond it;
# build with --network=host.
#
# Environment:
#   PRONGHORN_DOCKER_DIR     data, log and socket   (/var/lib/pronghorn-docker)
#   PRONGHORN_DOCKER_BRIDGE  bridge and its address (pronghorn0 172.29.87.1/24)
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
directory=${PRONGHORN_DOCKER_DIR:-/var/lib/pronghorn-docker}
read -r bridge address <<<"${PRONGHORN_DOCKER_BRIDGE:-pronghorn0 172.29.87.1/24}"
socket=$directory/docker.sock
pidfile=$directory/dockerd.pid
docker=${PRONGHORN_DOCKER:-$(PATH=/usr/bin:$PATH command -v docker || true)}

say() { printf 'dockerd.sh: %s\n' "$*" >&2; }
die() { say "$*"; exit 1; }

answers() {
	[ -S "$socket" ] && "$docker" -H "unix://$socket" version >/dev/null 2>&1
}

need() {
	[ "$(id -u)" = 0 ] || die 'a Docker engine needs root'
	if [ -z "$docker" ] || ! command -v dockerd >/dev/null; then
		die 'docker or dockerd is missing: apt-get install docker.io'
	fi
	command -v ip >/dev/null || die 'ip is missing: apt-get install iproute2'
}

make_bridge() {
	ip link show "$bridge" >/dev/null 2>&1 || ip link add "$bridge" type bridge
	grep -qF "$address" <<<"$(ip address show dev "$bridge")" || ip address add "$address" dev "$bridge"
	ip link set "$bridge" up
}

# The storage driver is the engine's choice: overlay2 where the data directory
# is on a file system that overlay takes (ext4, xfs), else vfs, which is slow.
start() {
	local i
	if ! answers; then
		need
		mkdir -p "$directory/data"
		make_bridge
		setsid dockerd --host "unix://$socket" --data-root "$directory/data" \
			--exec-root "$directory/run" --pidfile "$pidfile" \
			--add-runtime "checkpoint-restore=$here/runc-checkpoint-restore.sh" \
			--bridge "$bridge" --iptables=false --ip-masq=false --ip-forward=false \
			>"$directory/dockerd.log" 2>&1 </dev/null &
		for ((i = 0; i < 300; i++)); do
			answers && break
			kill -0 $! 2>/dev/null || break
			sleep 0.1
		done
		answers || {
			tail -5 "$directory/dockerd.log" >&2
			die "dockerd does not answer; its log is $directory/dockerd.log"
		}
	fi
	echo "DOCKER_HOST=unix://$socket"
}

stop() {
	local pid i
	pid=$(cat "$pidfile" 2>/dev/null || true)
	if [ -n "$pid" ] && [ "$(cat "/proc/$pid/comm" 2>/dev/null)" = dockerd ]; then
		kill "$pid"
		for ((i = 0; i < 300; i++)); do
			kill -0 "$pid" 2>/dev/null || break
			sleep 0.1
		done
		! kill -0 "$pid" 2>/dev/null || die "dockerd ($pid) does not end"
	fi
	rm -f "$pidfile" "$socket"
	! ip link show "$bridge" >/dev/null 2>&1 || ip link delete "$bridge"
}

case "${1:-}" in
start | stop) "$1" ;;
status) answers ;;
remove)
	stop
	rm -rf "$directory"
	;;
*)
	sed -n 's/^# \{0,1\}//; 2,/^$/p' "$0" >&2
	exit 2
	;;
esac
