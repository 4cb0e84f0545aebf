# shellcheck shell=bash disable=SC2154,SC2034 # settings and arguments are deploy.sh's and settings.sh's
# What is looked at before anything is changed. Each check says what to do.

minimum_minor=30

check_all() {
	step 'Checking'
	check_cluster
	load_settings
	check_settings
	check_rights
	check_storage
	check_policy_api
	check_pod_security
	check_s3_secret
	find_foreign_namespaces
}

check_client() {
	command -v "${KUBECTL:-kubectl}" >/dev/null || fail 'kubectl is missing: https://kubernetes.io/docs/tasks/tools/'
}

check_cluster() {
	local answer version minor
	check_client
	answer=$(k get --raw /version 2>&1) ||
		fail "no cluster answers ($(head -1 <<<"$answer")). Check \`kubectl config current-context\`, or give --context"
	version=$(sed -n 's/.*"gitVersion": *"v*\([^"]*\)".*/\1/p' <<<"$answer")
	minor=$(cut -d. -f2 <<<"$version")
	[ "${minor:-0}" -ge "$minimum_minor" ] ||
		fail "Kubernetes $version is too old: 1.$minimum_minor or later is needed"
	info "Kubernetes $version, context $(k config current-context 2>/dev/null || echo none)"
}

# check_rights asks for all rights at once, so that one list can be handed on.
check_rights() {
	local verb resource where missing=()
	while read -r verb resource where; do
		k auth can-i "$verb" "$resource" ${where:+-n "$where"} >/dev/null 2>&1 || missing+=("$verb $resource${where:+ in $where}")
	done <<-LIST
		create namespaces
		patch namespaces
		create deployments.apps pronghorn
		create statefulsets.apps stores
		create services stores
		create secrets stores
		create networkpolicies.networking.k8s.io stores
		create poddisruptionbudgets.policy pronghorn
		create configmaps pronghorn
		create pods $namespace
		get pods/log $namespace
		create secrets $namespace
	LIST
	[ "${#missing[@]}" = 0 ] ||
		fail "you may not: $(printf '%s; ' "${missing[@]}")ask for these rights (cluster-admin has them)"
	info 'you have the rights that are needed'
}

check_storage() {
	local classes default
	if [ -n "$ephemeral" ]; then
		info 'storage: none; snapshots and statistics are lost with the pods of MinIO and Redis (--ephemeral)'
		return
	fi
	classes=$(k get storageclass -o 'go-template={{range .items}}{{.metadata.name}} {{with .metadata.annotations}}{{index . "storageclass.kubernetes.io/is-default-class"}}{{end}}{{"\n"}}{{end}}')
	default=$(awk '$2 == "true" { print $1; exit }' <<<"$classes")
	if [ -n "$storage_class" ]; then
		awk -v name="$storage_class" '$1 == name { found = 1 } END { exit !found }' <<<"$classes" ||
			fail "no StorageClass $storage_class; there are: $(awk '{ print $1 }' <<<"$classes" | paste -sd' ' -)"
	elif [ -z "$default" ]; then
		fail 'no default StorageClass: give --storage-class NAME, or --ephemeral to try it without storage'
	fi
	info "storage: StorageClass ${storage_class:-$default}"
}

serves() { # serves GROUP VERSION RESOURCE
	local resources
	resources=$(k get --raw "/apis/$1/$2" 2>/dev/null) && grep -q "\"name\": *\"$3\"" <<<"$resources"
}

# check_policy_api finds how functions can be given rights, into $policy_api.
check_policy_api() {
	local version
	policy_api=none
	for version in v1 v1beta1; do
		case "$policy" in auto | "$version") ;; *) continue ;; esac
		serves admissionregistration.k8s.io "$version" mutatingadmissionpolicies || continue
		policy_api=$version
		break
	done
	case "$policy" in
	auto | kyverno)
		if [ "$policy_api" = none ] && serves policies.kyverno.io v1 mutatingpolicies; then policy_api=kyverno; fi
		;;
	esac
	if [ "$policy_api" = none ] && [ "$policy" != none ]; then
		fail "this cluster serves no ${policy/auto/admission} policy that can give functions the rights for hot starts. Either use Kubernetes 1.36 or later, or start the API server of 1.34 or 1.35 with --feature-gates=MutatingAdmissionPolicy=true --runtime-config=admissionregistration.k8s.io/v1beta1=true, or install Kyverno 1.17 or later; or go on with --policy none and give the rights yourself (docs/privileges.md)"
	fi
	check_policy_rights
	case "$policy_api" in
	none) warn 'no policy: functions start cold unless something else gives them the rights of docs/privileges.md' ;;
	kyverno) info "policy: Kyverno's MutatingPolicy" ;;
	*) info "policy: MutatingAdmissionPolicy, admissionregistration.k8s.io/$policy_api" ;;
	esac
}

check_policy_rights() {
	local resource=mutatingadmissionpolicies.admissionregistration.k8s.io
	case "$policy_api" in
	none) return ;;
	kyverno) resource=mutatingpolicies.policies.kyverno.io ;;
	esac
	k auth can-i create "$resource" >/dev/null 2>&1 || fail "you may not create $resource: ask for that right (cluster-admin has it), or go on with --policy none"
}

# check_pod_security: a pod with the rights is turned away where Pod Security
# enforces more than privileged. Changing that is the operator's decision.
check_pod_security() {
	local key=pod-security.kubernetes.io/enforce level
	[ "$policy_api" != none ] || return 0
	level=$(k get namespace "$namespace" -o "go-template={{with .metadata.labels}}{{with index . \"$key\"}}{{.}}{{end}}{{end}}" 2>/dev/null || true)
	case "$level" in
	'' | privileged)
		info "Pod Security of $namespace: ${level:-not set}, which lets the rights through"
		;;
	*)
		[ -n "$set_pod_security" ] || fail "Pod Security of the namespace $namespace enforces '$level', which does not allow SYS_ADMIN and a container without a seccomp filter, so labelled functions would start cold. If that namespace may have them, run again with --set-pod-security, which sets the label $key=privileged; else use --policy none"
		info "Pod Security of $namespace enforces $level; it will be set to privileged (--set-pod-security)"
		;;
	esac
}

check_s3_secret() {
	[ -n "$s3_url" ] || return 0
	local key
	for key in AWS_ACCESS_KEY_ID AWS_SECRET_ACCESS_KEY; do
		[ -n "$(secret_value pronghorn "$s3_secret" "$key" || true)" ] && continue
		fail "--s3-url needs the secret pronghorn/$s3_secret with AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY:
    kubectl create namespace pronghorn
    kubectl create secret generic $s3_secret -n pronghorn --from-env-file=FILE   # lines KEY=VALUE"
	done
	info "pool: $s3_url, credentials in pronghorn/$s3_secret"
}

# find_foreign_namespaces: those that others made are used, but keep their labels.
find_foreign_namespaces() {
	local name
	foreign_namespaces=
	for name in pronghorn stores; do
		exists namespace "$name" || continue
		! made_here "$name" || continue
		foreign_namespaces="$foreign_namespaces $name"
		info "the namespace $name is there already: its labels stay as they are"
	done
}
