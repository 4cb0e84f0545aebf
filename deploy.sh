#!/usr/bin/env bash
# Installs Pronghorn next to OpenFaaS on Kubernetes, and takes it away again.
set -euo pipefail

root=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd -P)
# shellcheck source=deploy/lib/common.sh
. "$root/deploy/lib/common.sh"
# shellcheck source=deploy/lib/settings.sh
. "$root/deploy/lib/settings.sh"
# shellcheck source=deploy/lib/check.sh
. "$root/deploy/lib/check.sh"
# shellcheck source=deploy/lib/probe.sh
. "$root/deploy/lib/probe.sh"
# shellcheck source=deploy/lib/render.sh
. "$root/deploy/lib/render.sh"
# shellcheck source=deploy/lib/apply.sh
. "$root/deploy/lib/apply.sh"
# shellcheck source=deploy/lib/status.sh
. "$root/deploy/lib/status.sh"
# shellcheck source=deploy/lib/remove.sh
. "$root/deploy/lib/remove.sh"
# shellcheck source=deploy/lib/function.sh
. "$root/deploy/lib/function.sh"
# shellcheck source=deploy/lib/openfaas.sh
. "$root/deploy/lib/openfaas.sh"

usage() {
	cat <<-'TEXT'
		./deploy.sh                   check, then install or upgrade; again changes nothing
		./deploy.sh --check           only check, with a pod that tries CRIU
		./deploy.sh --dry-run         check and say what would be changed; starts nothing
		./deploy.sh --render          print the manifests, without secrets
		./deploy.sh --status          what is there, and whether it works
		./deploy.sh --function NAME   make a function's token, print what its stack file needs
		./deploy.sh --remove          take it away; functions go on, and start cold.
		                              Volumes and secrets stay; --data deletes them, too

		Where and what (kept in the cluster: a later run needs no flag again):
		  --context NAME          the cluster, of your kubeconfig (its current one)
		  --namespace NAME        the functions' namespace (openfaas-fn)
		  --image IMAGE           Pronghorn's image (ghcr.io/pronghorn-faas/pronghorn:latest)
		  --strategy SPEC         strategy of functions that name none (the agent's default)

		Storage:
		  --storage-class NAME    for the volumes of Redis and MinIO (the cluster's default one)
		  --redis-size SIZE, --pool-size SIZE   of those volumes (1Gi, 10Gi)
		  --ephemeral             no volumes: what a pod had is gone with it
		  --s3-url URL            an S3 that exists instead of MinIO, s3://HOST[:PORT]/BUCKET[/PREFIX][?…]
		  --s3-secret NAME        its credentials: a secret in the namespace pronghorn with
		                          AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY (pool)
		  --minio                 MinIO again, after --s3-url

		Rights of functions with the label snapshot=true:
		  --policy WHICH          auto, v1, v1beta1 (MutatingAdmissionPolicy), kyverno, none
		  --rights clock|smallest with a clock of their own, which JVM functions need, or without
		  --staging-size SIZE     memory at /dev/shm for images (512Mi; 0 leaves 64 MiB)
		  --node-cache DIRECTORY  of the nodes, where functions keep what they fetched: their memory,
		                          in the clear; '' for none (none)
		  --apparmor-unconfined   no AppArmor profile; for nodes with AppArmor
		  --no-apparmor-unconfined
		  --set-pod-security      set the namespace's Pod Security level to privileged, if it
		                          is stricter; without it that is an error
		  --skip-probe            do not start the pod that tries CRIU

		Besides:
		  --with-openfaas         install OpenFaaS by its Helm chart first; its licence applies
		  --timeout SECONDS       for each thing that is waited for (180)

		Exit codes: 0 done, 1 failed, 2 wrong usage. KUBECTL names another kubectl.
	TEXT
}

work=
cleanup() { [ -z "$work" ] || rm -rf "$work"; }

need_value() { [ $# -ge 2 ] || misuse "$1 wants a value"; }

action=install function='' data='' context='' timeout=180
set_pod_security='' skip_probe='' with_openfaas='' foreign_namespaces='' policy_api=none

do_action() {
	[ "$action" = install ] || misuse "--$1 and --$action exclude each other"
	action=$1
}

parse() {
	while [ $# -gt 0 ]; do
		case "$1" in
		--check | --dry-run | --render | --status | --remove) do_action "${1#--}" ;;
		--function)
			need_value "$@"
			do_action function
			function=$2
			shift
			;;
		--context | --timeout)
			need_value "$@"
			printf -v "${1#--}" %s "$2"
			shift
			;;
		--namespace | --image | --strategy | --storage-class | --redis-size | --pool-size | --s3-url | --s3-secret | --policy | --rights | --staging-size | --node-cache)
			need_value "$@"
			setting="${1#--}"
			give "${setting//-/_}" "$2"
			shift
			;;
		--ephemeral) give ephemeral yes ;;
		--minio) give s3_url '' ;;
		--apparmor-unconfined) give apparmor yes ;;
		--no-apparmor-unconfined) give apparmor '' ;;
		--data) data=yes ;;
		--set-pod-security) set_pod_security=yes ;;
		--skip-probe) skip_probe=yes ;;
		--with-openfaas) with_openfaas=yes ;;
		-h | --help)
			usage
			exit
			;;
		*) misuse "unknown argument '$1'" ;;
		esac
		shift
	done
}

# exclusive: a choice of this run ends the other one of an earlier run.
exclusive() {
	if was_given storage_class && ! was_given ephemeral; then give ephemeral ''; fi
	if was_given ephemeral && ! was_given storage_class; then give storage_class ''; fi
	if was_given s3_url && ! was_given s3_secret; then give s3_secret pool; fi
	[ -z "$data" ] || [ "$action" = remove ] || misuse '--data goes with --remove'
	[[ "$timeout" =~ ^[1-9][0-9]*$ ]] || misuse "--timeout '$timeout': want seconds"
	check_settings
}

main() {
	default_settings
	parse "$@"
	exclusive
	work=$(cd "$(mktemp -d)" && pwd -P)
	trap cleanup EXIT
	case "$action" in
	install) install ;;
	check)
		check_all
		probe
		;;
	dry-run)
		check_all
		preview
		;;
	render) render ;;
	status) status ;;
	remove) remove_all ;;
	function) add_function "$function" ;;
	esac
}

install() {
	check_all
	exists namespace "$namespace" || k create namespace "$namespace" | said
	[ -z "$with_openfaas" ] || install_openfaas
	apply_pod_security
	probe
	install_all
	step "Ready. Next: ./deploy.sh --function NAME (docs/operators-guide.md)"
}

# render needs no cluster: the policy is that of --policy, v1 if it is auto.
render() {
	check_client
	policy_api=${policy/auto/v1}
	render_services
	[ "$policy_api" = none ] || { echo ---; render_policy; }
}

main "$@"
