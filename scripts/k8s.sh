#!/usr/bin/env bash
# A real Kubernetes cluster of one node on this machine, for tests: built from
# source, in namespaces of its own (network, mounts, processes), so that it
# leaves the machine's network, mounts and settings as they are.
#
#   scripts/k8s.sh build        builds and installs what is missing (a quarter of an hour)
#   scripts/k8s.sh start        starts an empty cluster; prints KUBECONFIG=…
#   scripts/k8s.sh stop         ends it with all its pods; loaded images stay
#   scripts/k8s.sh status       what runs; exit 0 if the cluster answers
#   scripts/k8s.sh load IMAGE…  takes images from the Docker engine of DOCKER_HOST
#   scripts/k8s.sh kubectl …    kubectl on the cluster
#   scripts/k8s.sh remove       stop, and delete the loaded images
#
#   eval "$(scripts/k8s.sh start)"; export KUBECONFIG
#
# Pods and services can be reached from this machine by their addresses, and
# nothing beyond this machine from the pods. Network policies are accepted,
# but nothing here enforces them.
#
# Environment:
#   PRONGHORN_PREFIX   the programs are in kubernetes/ below it (/opt/pronghorn)
#   PRONGHORN_K8S_DIR  state, logs and images (/var/lib/pronghorn-k8s)
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
# shellcheck source=scripts/k8s/settings.sh
. "$here/k8s/settings.sh"
# shellcheck source=scripts/k8s/configure.sh
. "$here/k8s/configure.sh"
pidfile=$directory/node.pid

# The pidfile holds a process id and when that process was started, so that
# another process that got the id later is never taken for ours.
started_at() { sed 's/.*) //' "/proc/$1/stat" 2>/dev/null | cut -d' ' -f20; }

# init_pid prints the id of the cluster's first process if it runs.
init_pid() {
	local pid since
	[ -r "$pidfile" ] && read -r pid since <"$pidfile" || return 1
	[ "$(started_at "$pid")" = "$since" ] && echo "$pid"
}

build() {
	need_root
	"$here/k8s/build.sh"
	local missing=()
	command -v containerd >/dev/null || missing+=(containerd runc)
	[ -x /usr/lib/cni/bridge ] || missing+=(containernetworking-plugins)
	command -v iptables >/dev/null || missing+=(iptables)
	command -v ip >/dev/null || missing+=(iproute2)
	[ "${#missing[@]}" = 0 ] && return
	say "installing ${missing[*]}"
	apt-get update -q >/dev/null
	DEBIAN_FRONTEND=noninteractive apt-get install -q -y --no-install-recommends "${missing[@]}" >/dev/null
}

need_root() { [ "$(id -u)" = 0 ] || die 'a cluster needs root'; }

need_programs() {
	need_root
	if [ ! -x "$programs/bin/coredns" ] || [ ! -e "$programs/pause.tar" ] || [ ! -x /usr/lib/cni/bridge ]; then
		die 'programs are missing: run scripts/k8s.sh build'
	fi
}

# make_cgroups: all pods together weigh as much as four processes of this
# machine; with the weight of one they would starve beside a busy build.
make_cgroups() {
	local hierarchy
	for hierarchy in $(cgroup_roots); do
		mkdir -p "$hierarchy/$cgroup"
		[ ! -e "$hierarchy/$cgroup/cpu.shares" ] || echo 4096 >"$hierarchy/$cgroup/cpu.shares"
		[ ! -e "$hierarchy/$cgroup/cpu.weight" ] || echo 400 >"$hierarchy/$cgroup/cpu.weight"
	done
}

# cgroup_roots lists the mounted hierarchies, of both versions.
cgroup_roots() { awk '$3 == "cgroup" || $3 == "cgroup2" { print $2 }' /proc/mounts; }

remove_cgroups() {
	local hierarchy
	for hierarchy in $(cgroup_roots); do
		[ ! -d "$hierarchy/$cgroup" ] || find "$hierarchy/$cgroup" -depth -type d -exec rmdir {} + 2>/dev/null || true
	done
}

make_link() { # make_link PID: one end here, one in the network of the process
	remove_link
	ip link add "$link" type veth peer name eth0 netns "$1"
	ip address add "$gateway/30" dev "$link"
	ip link set "$link" up
	ip route add "$pods" via "$node"
	ip route add "$services" via "$node"
}

# remove_link: it goes by itself with the cluster's network, at some time.
remove_link() { ip link delete "$link" 2>/dev/null || true; }

# What one run of the cluster leaves; the images are not among it.
clear_state() {
	rm -f "$directory/ready" "$pidfile" "$socket" "$socket.ttrpc"
	rm -rf "${directory:?}"/{etcd,etc,logs,pids,private,sysctl,volumes,volume-plugins}
	mkdir -p "$directory"/{logs,pids}
}

# launch starts the first process in namespaces of its own and notes its id.
launch() {
	local outer inner
	setsid unshare --net --mount --pid --fork --kill-child --mount-proc \
		"$here/k8s/node.sh" >"$directory/logs/node.log" 2>&1 </dev/null &
	outer=$!
	until inner=$(pgrep -P "$outer" -f node.sh); do
		kill -0 "$outer" 2>/dev/null || fail_start
		sleep 0.05
	done
	echo "$inner $(started_at "$inner")" >"$pidfile"
	make_link "$inner"
}

fail_start() {
	tail -5 "$directory/logs/node.log" >&2
	die "the cluster does not start; its logs are in $directory/logs"
}

start() {
	local began=$SECONDS
	if ! init_pid >/dev/null; then
		need_programs
		stop
		make_cgroups
		configure
		launch
	fi
	until [ -e "$directory/ready" ]; do
		init_pid >/dev/null || fail_start
		sleep 0.1
	done
	say "the cluster is ready after $((SECONDS - began)) s"
	echo "KUBECONFIG=$kubeconfig"
}

# stop ends the first process, and with it the kernel ends all others.
stop() {
	local pid i
	if pid=$(init_pid); then
		kill -KILL "$pid"
		for ((i = 0; i < 600; i++)); do
			init_pid >/dev/null || break
			sleep 0.1
		done
		! init_pid >/dev/null || die "the cluster ($pid) does not end"
	fi
	remove_link
	remove_cgroups
	clear_state
}

status() {
	local pid file
	pid=$(init_pid) || { echo 'not running'; return 1; }
	for file in "$directory"/pids/*; do
		if nsenter --target "$pid" --pid --mount kill -0 "$(cat "$file")" 2>/dev/null; then
			echo "runs   ${file##*/}"
		else
			echo "ended  ${file##*/}, see $directory/logs/${file##*/}.log"
		fi
	done
	kubectl get --raw /readyz >/dev/null && kubectl get nodes
}

# load passes on those images that are not loaded yet, together, since they
# share most of their layers.
load() {
	local image new=()
	local docker=${PRONGHORN_DOCKER:-$(PATH=/usr/bin:$PATH command -v docker || true)}
	mkdir -p "$directory/loaded"
	for image in "$@"; do
		[ "$(cat "$(mark "$image")" 2>/dev/null)" = "$(id_of "$image")" ] || new+=("$image")
	done
	[ "${#new[@]}" -gt 0 ] || return 0
	"$docker" save "${new[@]}" | ctr images import - >/dev/null
	for image in "${new[@]}"; do
		id_of "$image" >"$(mark "$image")"
	done
}

id_of() { "$docker" image inspect --format '{{.Id}}' "$1"; }
mark() { echo "$directory/loaded/${1//\//_}"; }

remove() {
	stop
	rm -rf "$directory"
}

command=${1:-}
case "$command" in
build | start | stop | status | remove) "$command" ;;
load | kubectl)
	shift
	"$command" "$@"
	;;
*)
	sed -n 's/^# \{0,1\}//; 2,/^$/p' "$0" >&2
	exit 2
	;;
esac
