# shellcheck shell=bash disable=SC2154,SC2034 # settings and arguments are deploy.sh's and settings.sh's
# Taking it away. Functions keep running: those that start later find no agent,
# and start cold.

remove_all() {
	step 'Checking'
	check_cluster
	load_settings
	step 'The policy: pods that are made from now on are plain ones'
	remove_policy
	step 'Services'
	remove_workloads pronghorn
	remove_workloads stores
	if [ -n "$data" ]; then
		step 'Data, secrets and namespaces'
		remove_data
	else
		info 'volumes and secrets stay, for the next installation; --remove --data deletes them'
	fi
	note_functions
}

remove_policy() {
	local kind
	for kind in mutatingadmissionpolicybinding mutatingadmissionpolicy mutatingpolicies.policies.kyverno.io; do
		k get "$kind" >/dev/null 2>&1 || continue
		quietly_k delete "$kind" "$policy_name" --ignore-not-found | said
	done
	exists namespace "$namespace" || return 0
	await_rights no || warn "labelled pods in $namespace still get rights: another policy is at work"
}

remove_workloads() { # remove_workloads NAMESPACE
	exists namespace "$1" || return 0
	k delete deployment,statefulset,service,poddisruptionbudget,networkpolicy -n "$1" -l "$part_of" \
		--ignore-not-found --timeout="${timeout}s" | said
}

remove_data() {
	local name left
	k delete pvc data-redis-0 data-minio-0 -n stores --ignore-not-found --timeout="${timeout}s" 2>/dev/null | said
	for name in pronghorn stores; do
		exists namespace "$name" || continue
		k delete secret,configmap -n "$name" -l "$part_of" --ignore-not-found | said
		made_here "$name" || continue
		left=$(k get all,pvc,secret -n "$name" -l "${part_of/=/!=}" -o name 2>/dev/null || true)
		if [ -n "$left" ]; then
			warn "the namespace $name stays, since others have something in it: $(paste -sd' ' - <<<"$left")"
		else
			k delete namespace "$name" --timeout="${timeout}s" | said
		fi
	done
}

# note_functions: a pod that mounts a secret does not start without it.
note_functions() {
	local secrets
	secrets=$(k get secret -n "$namespace" -l "$part_of" -o name 2>/dev/null | paste -sd' ' - || true)
	[ -z "$secrets" ] || info "functions' tokens stay, since pods that mount them would not start without them. When no function names them any more: kubectl delete -n $namespace $secrets"
}
