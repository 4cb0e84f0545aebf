# What the scripts of the cluster share; sourced by scripts/k8s.sh and by
# scripts/k8s/node.sh.
# shellcheck shell=bash
# shellcheck disable=SC2034  # used by those that source this

directory=${PRONGHORN_K8S_DIR:-/var/lib/pronghorn-k8s}
programs=${PRONGHORN_PREFIX:-/opt/pronghorn}/kubernetes

# Addresses: a link between the machine and the node, and behind the node the
# pods and the services. All of them exist in the cluster's network only.
link=k8s-pronghorn
gateway=172.29.88.1
node=172.29.88.2
pods=172.29.92.0/24
services=172.29.96.0/24
first_service=172.29.96.1
name_service=172.29.96.10

node_name=pronghorn
cgroup=pronghorn-k8s
pause=localhost/pronghorn-pause:1
socket=$directory/containerd.sock
kubeconfig=$directory/kubeconfig

say() { printf 'k8s: %s\n' "$*" >&2; }
die() { say "$*"; exit 1; }
kubectl() { "$programs/bin/kubectl" --kubeconfig "$kubeconfig" "$@"; }
ctr() { command ctr --address "$socket" --namespace k8s.io "$@"; }
