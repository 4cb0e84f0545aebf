# shellcheck shell=bash disable=SC2154,SC2034 # settings and arguments are deploy.sh's and settings.sh's
# Puts the manifests together: Kustomize, with what the settings say on top.

# overlay DIRECTORY begins a kustomization in $work that is read by finish.
overlay() {
	directory=$work/$1
	mkdir -p "$directory"
	rendered=$directory/kustomization.yaml
	printf 'apiVersion: kustomize.config.k8s.io/v1beta1\nkind: Kustomization\n' >"$rendered"
}

parts() { # parts resources|components PATH…: below deploy/kubernetes
	local part up
	up=$(printf %s "$directory" | sed 's,/[^/]*,../,g') # Kustomize wants relative paths
	printf '%s:\n' "$1" >>"$rendered"
	for part in "${@:2}"; do
		printf -- '- %s\n' "$up${root#/}/deploy/kubernetes/$part" >>"$rendered"
	done
}

# replace KIND NAME OP PATH VALUE: a patch; VALUE is YAML on one line.
replace() {
	cat >>"$rendered" <<-YAML
		- target: {kind: '$1', name: '$2'}
		  patch: |-
		    - op: $3
		      path: $4
		      value: $5
	YAML
}

# finish [NAMESPACE] prints the manifests, for that namespace of the functions.
finish() {
	k kustomize "$directory" | sed "s/openfaas-fn/${1:-$namespace}/g"
}

set_image() {
	local digest='' name=$image tag=latest
	case "$image" in
	*@*) name=${image%%@*} digest=${image#*@} ;;
	*:*) [[ "${image##*:}" == */* ]] || { name=${image%:*} tag=${image##*:}; } ;;
	esac
	printf 'images:\n- name: ghcr.io/pronghorn-faas/pronghorn\n  newName: %s\n' "$name" >>"$rendered"
	if [ -n "$digest" ]; then
		printf '  digest: %s\n' "$digest" >>"$rendered"
	else
		printf '  newTag: "%s"\n' "$tag" >>"$rendered"
	fi
}

quoted() { printf "'%s'" "${1//\'/\'\'}"; } # a YAML string

render_services() {
	local components=(components/minio) foreign
	[ -z "$s3_url" ] || components=(components/s3)
	[ -z "$ephemeral" ] || components+=(components/ephemeral)
	overlay services
	parts resources base
	parts components "${components[@]}"
	set_image
	echo 'patches:' >>"$rendered"
	set_storage
	set_agent
	for foreign in ${foreign_namespaces:-}; do
		# shellcheck disable=SC2016
		printf -- '- patch: |-\n    {apiVersion: v1, kind: Namespace, metadata: {name: %s}, $patch: delete}\n' "$foreign" >>"$rendered"
	done
	finish
}

set_storage() {
	[ -z "$ephemeral" ] || return 0
	replace StatefulSet redis replace /spec/volumeClaimTemplates/0/spec/resources/requests/storage "$redis_size"
	[ -n "$s3_url" ] || replace StatefulSet minio replace /spec/volumeClaimTemplates/0/spec/resources/requests/storage "$pool_size"
	[ -z "$storage_class" ] || replace StatefulSet '.*' add /spec/volumeClaimTemplates/0/spec/storageClassName "$storage_class"
}

# set_agent: what differs in the agent's environment, and a strategic patch so
# that variables go by name.
set_agent() {
	printf -- '- patch: |-\n    apiVersion: apps/v1\n    kind: Deployment\n    metadata: {name: pronghorn-agent, namespace: pronghorn}\n' >>"$rendered"
	printf '    spec: {template: {spec: {containers: [{name: agent, env: [' >>"$rendered"
	[ -z "$s3_url" ] || printf '{name: PRONGHORN_POOL, value: %s}, ' "$(quoted "$s3_url")" >>"$rendered"
	[ -z "$strategy" ] || printf '{name: PRONGHORN_STRATEGY, value: %s}, ' "$(quoted "$strategy")" >>"$rendered"
	local key
	for key in AWS_ACCESS_KEY_ID AWS_SECRET_ACCESS_KEY; do
		printf '{name: %s, valueFrom: {secretKeyRef: {name: %s, key: %s}}}, ' "$key" "$s3_secret" "$key" >>"$rendered"
	done
	printf ']}]}}}\n' >>"$rendered"
}

render_policy() {
	local components=()
	[ "$policy_api" != none ] || return 0
	overlay policy
	case "$policy_api" in
	v1) parts resources policy/base ;;
	*) parts resources "policy/$policy_api" ;;
	esac
	[ "$rights" != smallest ] || components+=(policy/components/smallest)
	[ -z "$apparmor" ] || components+=(policy/components/apparmor-unconfined)
	[ "${#components[@]}" = 0 ] || parts components "${components[@]}"
	echo 'patches:' >>"$rendered"
	local size=$staging_size
	[ "$size" != 0 ] || size=''
	set_variable 1 staging "$size"
	set_variable 3 cache "$node_cache"
	finish
}

set_variable() { # set_variable INDEX NAME TEXT: of the policy
	replace 'Mutating(Admission)?Policy' "$policy_name" test "/spec/variables/$1/name" "$2"
	replace 'Mutating(Admission)?Policy' "$policy_name" replace "/spec/variables/$1/expression" "\"'$3'\""
}

render_probe() { # render_probe NAMESPACE
	local path=/spec/containers/0/securityContext
	overlay probe
	parts resources probe
	set_image
	echo 'patches:' >>"$rendered"
	replace Pod pronghorn-doctor replace /spec/volumes/0/emptyDir/sizeLimit "$([ "$staging_size" = 0 ] && echo 64Mi || echo "$staging_size")"
	if [ "$rights" = smallest ]; then
		replace Pod pronghorn-doctor replace $path/capabilities/add '[CHECKPOINT_RESTORE, SETPCAP]'
		replace Pod pronghorn-doctor replace $path/allowPrivilegeEscalation false
	fi
	[ -z "$apparmor" ] || replace Pod pronghorn-doctor add $path/appArmorProfile '{type: Unconfined}'
	finish "$1"
}
