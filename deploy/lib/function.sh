# shellcheck shell=bash disable=SC2154,SC2034 # settings and arguments are deploy.sh's and settings.sh's
# A function's token, and what its stack file needs.

add_function() { # add_function NAME
	local token secret=pronghorn-token-$1
	[[ "$1" =~ ^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$ ]] || misuse "--function '$1': want the name of a function"
	check_cluster >/dev/null
	load_settings
	[ -n "$(secret_value pronghorn operator-token token || true)" ] || fail 'not installed: run deploy.sh first'
	exists namespace "$namespace" || fail "no namespace $namespace: give --namespace"
	token=$(function_token "$1")
	[[ "$token" =~ ^[0-9a-f]{64}$ ]] || fail "no token for $1: is an agent ready? See deploy.sh --status"
	ensure_secret "$namespace" "$secret" "pronghorn-token=$token" >&2
	stack_entry "$1" "$secret"
}

# function_token asks an agent's pod, which knows the operator's token, or the
# program on this machine.
function_token() {
	k exec -n pronghorn deployment/pronghorn-agent -- pronghorn token "$1" 2>/dev/null && return
	command -v pronghorn >/dev/null || return 0
	secret_value pronghorn operator-token token | pronghorn token "$1" --token-file /dev/stdin
}

stack_entry() {
	cat <<-YAML
		# In the stack file of $1, below functions:
		  $1:
		    labels:
		      snapshot: "true"
		    annotations:
		      prometheus.io.scrape: "true"
		      prometheus.io.port: "8081"
		    environment:
		      snapshot_agent_url: http://pronghorn-agent.pronghorn:8090
		      snapshot_function: $1
		    secrets:
		      - $2
	YAML
}
