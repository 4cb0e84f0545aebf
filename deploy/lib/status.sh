# shellcheck shell=bash disable=SC2154,SC2034 # settings and arguments are deploy.sh's and settings.sh's
# What is there, and whether it works. Ends with 1 if something is amiss.

amiss=

wrong() { printf '    NOT OK  %s\n' "$*"; amiss=yes; }
fine() { printf '    ok      %s\n' "$*"; }

status() {
	check_cluster >/dev/null
	if ! exists namespace pronghorn || ! exists deployment pronghorn-agent -n pronghorn; then
		fail 'not installed: run deploy.sh'
	fi
	load_settings
	status_services
	status_storage
	status_policy
	status_functions
	[ -z "$amiss" ] || exit 1
}

status_services() {
	local where kind name ready wanted
	step Services
	while read -r where kind name; do
		[ -n "$name" ] || continue
		read -r ready wanted < <(k get "$kind" "$name" -n "$where" --ignore-not-found \
			-o 'go-template={{or .status.readyReplicas 0}} {{.spec.replicas}}{{"\n"}}' || true) || true
		if [ -n "${wanted:-}" ] && [ "${ready:-0}" = "$wanted" ]; then
			fine "$name: $ready of $wanted ready"
		else
			wrong "$name: ${ready:-0} of ${wanted:-?} ready; kubectl describe $kind $name -n $where"
		fi
		ready='' wanted=''
	done <<-LIST
		pronghorn deployment pronghorn-agent
		stores deployment database
		stores statefulset redis
		$([ -n "$s3_url" ] || echo "stores statefulset minio")
	LIST
}

status_storage() {
	step Storage
	if [ -n "$ephemeral" ]; then
		info 'none (--ephemeral)'
	else
		k get pvc -n stores --no-headers -o custom-columns=N:.metadata.name,S:.status.phase,C:.status.capacity.storage,K:.spec.storageClassName 2>/dev/null | sed 's/^/    /' || true
	fi
	[ -z "$s3_url" ] || info "pool: $s3_url"
}

status_policy() {
	step "Rights of functions in $namespace"
	if [ "$policy" = none ]; then
		info 'no policy (--policy none)'
		return
	fi
	case "$(rights_of true || true)|$(rights_of false || true)" in
	*SETPCAP*'|') fine 'a pod with the label snapshot=true gets them, others do not' ;;
	'|') wrong 'a pod with the label snapshot=true does not get them: run deploy.sh again' ;;
	*) wrong 'pods without the label get capabilities, too: another policy is at work' ;;
	esac
}

# status_functions lists the pods of labelled functions.
status_functions() {
	local name phase added
	step "Functions with the label snapshot=true in $namespace"
	while read -r name phase added; do
		case "$added" in
		*SETPCAP*) fine "$name: $phase, with the rights" ;;
		*) wrong "$name: $phase, without the rights (made before the policy?): delete the pod" ;;
		esac
	done < <(k get pods -n "$namespace" -l snapshot=true --no-headers \
		-o 'custom-columns=N:.metadata.name,P:.status.phase,C:.spec.containers[*].securityContext.capabilities.add' 2>/dev/null || true)
}
