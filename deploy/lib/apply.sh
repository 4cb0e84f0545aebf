# shellcheck shell=bash disable=SC2154,SC2034 # settings and arguments are deploy.sh's and settings.sh's
# Making it so.

# said shows what kubectl did.
said() { sed 's/^/    /'; }

# differences FILE: a line for each object that is not in the cluster as the
# file says. kubectl apply itself calls everything with a selector changed.
differences() {
	local code=0
	KUBECTL_EXTERNAL_DIFF='diff -rqN' k diff -f "$1" >"$work/diff" 2>"$work/diff.err" || code=$?
	if [ "$code" -gt 1 ]; then
		sed '/^Warning: .*deprecated/d' "$work/diff.err" >&2
		return 1
	fi
	sed -n 's,.*/LIVE-[0-9]*/[^ ]*v[0-9][a-z0-9]*\.\([A-Z][A-Za-z]*\)\.\([^. ]*\)\.\([^ ]*\) .*,\1 \2/\3,p' "$work/diff" | sed 's, /, ,'
}

# apply FILE: makes it so, and says what that changed.
apply() {
	local changed
	changed=$(differences "$1") || return 1
	if [ -z "$changed" ]; then
		info 'nothing to change'
		return
	fi
	k apply -f "$1" >/dev/null 2>"$work/apply.err" || {
		cat "$work/apply.err" >&2
		return 1
	}
	printf '%s\n' "$changed" | sed 's/^/    made so: /'
}

install_all() {
	step 'Namespaces and secrets'
	make_namespaces
	make_secrets
	step 'Services'
	install_services
	step 'Rights of functions'
	install_policy
}

make_namespaces() {
	render_services | kinds Namespace >"$work/namespaces.yaml"
	[ ! -s "$work/namespaces.yaml" ] || apply "$work/namespaces.yaml"
}

apply_pod_security() {
	[ -z "$set_pod_security" ] || k label namespace "$namespace" --overwrite pod-security.kubernetes.io/enforce=privileged |
		sed '/not labeled/d; s/^/    /'
}

# kinds KIND: the documents of that kind; kinds -KIND: all others.
kinds() {
	awk -v want="$1" '
		function flush() { if (document != "" && (kind == want || "-" kind != want && substr(want, 1, 1) == "-")) printf "---\n%s", document }
		/^---$/ { flush(); document = ""; kind = ""; next }
		/^kind: / { kind = $2 }
		{ document = document $0 "\n" }
		END { flush() }'
}

# make_secrets makes those that are missing. What is in one namespace is what
# the other one gets.
make_secrets() {
	local token password user key
	token=$(secret_value pronghorn operator-token token || true)
	[ -n "$token" ] || token=$(secret_value stores operator-token token || true)
	[ -n "$token" ] || token=$(random 32)
	ensure_secret pronghorn operator-token "token=$token"
	ensure_secret stores operator-token "token=$token"
	if [ -z "$(secret_value stores redis url || true)" ]; then
		password=$(random 24)
		ensure_secret stores redis "redis.conf=requirepass $password" "url=redis://:$password@redis-svc.stores:6379/0"
	fi
	[ -z "$s3_url" ] || return 0
	user=$(secret_value stores minio MINIO_ROOT_USER || true)
	key=$(secret_value stores minio MINIO_ROOT_PASSWORD || true)
	if [ -z "$user" ] || [ -z "$key" ]; then
		user=pronghorn-$(random 4) key=$(random 24)
	fi
	ensure_secret stores minio "MINIO_ROOT_USER=$user" "MINIO_ROOT_PASSWORD=$key"
	ensure_secret pronghorn pool "AWS_ACCESS_KEY_ID=$user" "AWS_SECRET_ACCESS_KEY=$key"
}

# ensure_secret NAMESPACE NAME KEY=VALUE…: there, with these values.
ensure_secret() {
	local pair same=yes
	for pair in "${@:3}"; do
		[ "$(secret_value "$1" "$2" "${pair%%=*}" || true)" = "${pair#*=}" ] || same=
	done
	[ -z "$same" ] || return 0
	k delete secret "$2" -n "$1" --ignore-not-found >/dev/null
	make_secret "$@"
}

# install_services: Redis and MinIO first, since the others start only when
# those answer.
install_services() {
	render_services >"$work/all.yaml"
	kinds -Namespace <"$work/all.yaml" | kinds -Deployment >"$work/stores.yaml"
	kinds Deployment <"$work/all.yaml" >"$work/services.yaml"
	apply "$work/stores.yaml" || fail 'the manifests were not accepted, see above. The storage of a StatefulSet cannot be changed in place: kubectl delete statefulset NAME -n stores --cascade=orphan, then run again'
	save_settings # those that were accepted
	await stores statefulset/redis
	[ -n "$s3_url" ] || await stores statefulset/minio
	apply "$work/services.yaml" || fail 'the manifests were not accepted, see above'
	await stores deployment/database
	await pronghorn deployment/pronghorn-agent
	note_minio
}

await() { # await NAMESPACE WORKLOAD
	if ! k rollout status "$2" -n "$1" --timeout="${timeout}s" >"$work/rollout" 2>&1; then
		explain "$1" "$2" >&2
		fail "$2 in $1 is not ready after $timeout s; its pods and their last lines are above"
	fi
	info "$1/${2#*/} is ready"
}

explain() {
	local app=${2#*/}
	k get pods -n "$1" -l "app.kubernetes.io/name=$app" -o wide || true
	k get events -n "$1" --field-selector type=Warning --sort-by=.lastTimestamp 2>/dev/null | tail -5 || true
	k logs -n "$1" "$2" --tail=5 --all-containers --pod-running-timeout=1s 2>&1 || true
}

# note_minio: what an earlier run made and this one does not use is not removed
# behind the operator's back.
note_minio() {
	[ -n "$s3_url" ] || return 0
	! exists statefulset minio -n stores ||
		warn 'MinIO of an earlier run is still there: kubectl delete statefulset,service,networkpolicy -n stores -l app.kubernetes.io/name=minio'
}

install_policy() {
	if [ "$policy_api" = none ]; then
		info 'none asked for'
		return
	fi
	render_policy >"$work/policy.yaml"
	apply "$work/policy.yaml" || fail 'the policy was not accepted; see above'
	await_rights yes || fail "the policy is there, but pods with the label snapshot=true do not get the rights: $(why_no_rights)"
	info "pods with the label snapshot=true in $namespace get the rights, others do not"
	note_old_pods
}

why_no_rights() {
	case "$policy_api" in
	kyverno) echo "see \`kubectl get mutatingpolicy $policy_name -o yaml\` and the logs of Kyverno" ;;
	*) echo "the API server may lack --feature-gates=MutatingAdmissionPolicy=true; see also \`kubectl get mutatingadmissionpolicy $policy_name -o yaml\`" ;;
	esac
}

# rights_of VALUE: what a pod with the label snapshot=VALUE would be given.
rights_of() {
	k create --dry-run=server -o 'jsonpath={.spec.containers[0].securityContext.capabilities.add}' -f - <<-YAML 2>/dev/null
		apiVersion: v1
		kind: Pod
		metadata:
		  name: pronghorn-rights
		  namespace: $namespace
		  labels: {snapshot: "$1"}
		spec:
		  containers:
		  - {name: function, image: none.invalid/none}
	YAML
}

# await_rights yes|no: until labelled pods get the rights, or do not any more;
# API servers take some seconds to read a policy.
await_rights() {
	local deadline=$((SECONDS + 30)) got
	while :; do
		got=$(rights_of true || true)
		case "$1$got" in
		yes*SETPCAP*) [ -n "$(rights_of false || true)" ] || return 0 ;;
		no) return 0 ;;
		esac
		[ $SECONDS -lt $deadline ] || return 1
		sleep 1
	done
}

# note_old_pods: a policy changes new pods only.
note_old_pods() {
	local old
	# shellcheck disable=SC2016
	old=$(k get pods -n "$namespace" -l snapshot=true -o 'go-template={{range .items}}{{$has := ""}}{{range .spec.containers}}{{with .securityContext}}{{with .capabilities}}{{with .add}}{{$has = "yes"}}{{end}}{{end}}{{end}}{{end}}{{if not $has}}{{.metadata.name}} {{end}}{{end}}' 2>/dev/null || true)
	[ -z "$old" ] || info "older pods start hot when they are replaced, kubectl rollout restart deployment -n $namespace NAME: $old"
}

# preview shows what a run would change, and changes nothing.
preview() {
	local secret secrets=(pronghorn/operator-token stores/operator-token stores/redis)
	step 'This would be changed (--dry-run)'
	exists namespace "$namespace" || info "Namespace $namespace"
	[ -z "$set_pod_security" ] || info "Namespace $namespace: pod-security.kubernetes.io/enforce=privileged"
	[ -n "$s3_url" ] || secrets+=(stores/minio pronghorn/pool)
	for secret in "${secrets[@]}"; do
		exists secret "${secret#*/}" -n "${secret%/*}" || info "Secret $secret"
	done
	render_services >"$work/services.yaml"
	render_policy >"$work/policy.yaml"
	preview_file "$work/services.yaml"
	[ ! -s "$work/policy.yaml" ] || preview_file "$work/policy.yaml"
}

preview_file() {
	if exists namespace pronghorn && exists namespace stores; then
		differences "$1" | said
	else
		k create --dry-run=client -f "$1" -o name 2>/dev/null | said
	fi
}
