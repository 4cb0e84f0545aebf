#!/usr/bin/env bash
# The first process of the cluster's namespaces (network, mounts, processes):
# prepares them, starts the programs, and waits. When it ends, the kernel ends
# everything in them. Started by scripts/k8s.sh start.
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
# shellcheck source=scripts/k8s/settings.sh
. "$here/settings.sh"
etc=$directory/etc

# private DIRECTORY lays one of ours over a directory that programs have wired in.
private() {
	mkdir -p "$directory/private$1" "$1"
	mount --bind "$directory/private$1" "$1"
}

# The kubelet sets these for the whole machine; here it sets files of its own.
hide_kernel_settings() {
	local setting
	for setting in vm/overcommit_memory vm/panic_on_oom kernel/panic kernel/panic_on_oops kernel/keys/root_maxkeys kernel/keys/root_maxbytes; do
		[ -e "/proc/sys/$setting" ] || continue
		mkdir -p "$directory/sysctl/${setting%/*}"
		cat "/proc/sys/$setting" >"$directory/sysctl/$setting"
		mount --bind "$directory/sysctl/$setting" "/proc/sys/$setting"
	done
}

mounts() {
	mount --make-rprivate /
	mount -t tmpfs -o mode=755 run /run
	mkdir -p /run/lock
	private /var/lib/kubelet
	private /var/lib/cni
	private /var/log
	mount --make-rshared /
	hide_kernel_settings
}

# wait_for SECONDS COMMAND…
wait_for() {
	local tries=$(($1 * 10))
	shift
	while ! "$@" >/dev/null 2>&1; do
		[ $((tries -= 1)) -gt 0 ] || die "gave up waiting for: $*; the logs are in $directory/logs"
		sleep 0.1
	done
}

network() {
	ip link set lo up
	ip address add "$name_service/32" dev lo
	wait_for 10 ip link show eth0
	ip address add "$node/30" dev eth0
	ip link set eth0 up
	ip route add default via "$gateway"
	echo 1 >/proc/sys/net/ipv4/ip_forward
	iptables -P FORWARD ACCEPT
}

# run NAME COMMAND… starts a program; its output goes to logs/NAME.log.
run() {
	local name=$1
	shift
	"$@" >>"$directory/logs/$name.log" 2>&1 </dev/null &
	echo $! >"$directory/pids/$name"
}

start_containerd() {
	run containerd containerd --config "$etc/containerd.toml"
	wait_for 30 ctr version
}

# Images stay from one start to the next, containers do not.
forget_containers() {
	local containers
	containers=$(ctr containers ls -q)
	[ -n "$containers" ] || return 0
	# shellcheck disable=SC2086
	ctr containers rm $containers >/dev/null
	kill "$(cat "$directory/pids/containerd")"
	wait "$(cat "$directory/pids/containerd")" || true
	start_containerd
}

start_store() {
	run etcd "$programs/bin/etcd" --data-dir "$directory/etcd" --unsafe-no-fsync --log-level warn
}

start_api() {
	run kube-apiserver "$programs/bin/kube-apiserver" \
		--etcd-servers=http://127.0.0.1:2379 --advertise-address="$node" --cert-dir="$etc/pki" \
		--token-auth-file="$etc/tokens.csv" --authorization-mode=Node,RBAC --allow-privileged=true \
		--service-cluster-ip-range="$services" --service-account-issuer=https://kubernetes.default.svc \
		--service-account-key-file="$etc/service-accounts.key" --service-account-signing-key-file="$etc/service-accounts.key" \
		--kubelet-preferred-address-types=InternalIP \
		--feature-gates=MutatingAdmissionPolicy=true --runtime-config=admissionregistration.k8s.io/v1beta1=true
	wait_for 120 kubectl get --raw /readyz
}

start_controllers() {
	run kube-controller-manager "$programs/bin/kube-controller-manager" --kubeconfig="$kubeconfig" \
		--bind-address=127.0.0.1 --cert-dir="$etc/pki" --leader-elect=false \
		--service-account-private-key-file="$etc/service-accounts.key" --root-ca-file="$etc/pki/apiserver.crt"
	run kube-scheduler "$programs/bin/kube-scheduler" --kubeconfig="$kubeconfig" \
		--bind-address=127.0.0.1 --cert-dir="$etc/pki" --leader-elect=false
}

start_node() {
	run kubelet "$programs/bin/kubelet" --config="$etc/kubelet.yaml" --kubeconfig="$kubeconfig" \
		--hostname-override="$node_name" --node-ip="$node" --cert-dir="$etc/pki"
	run kube-proxy "$programs/bin/kube-proxy" --config="$etc/proxy.yaml"
	run coredns "$programs/bin/coredns" -conf "$etc/Corefile"
}

node_ready() {
	kubectl wait --for=condition=Ready "node/$node_name" --timeout=1s &&
		kubectl get serviceaccount default
}

mounts
network
start_store
start_containerd
forget_containers
ctr images import "$programs/pause.tar" >/dev/null
start_api
start_controllers
start_node
kubectl apply -f "$etc/volumes.yaml" >/dev/null
wait_for 60 node_ready
touch "$directory/ready"
# Bash collects whatever ends, also what others have left behind.
while true; do
	wait -n || true
	sleep 1
done
