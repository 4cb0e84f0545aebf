# shellcheck shell=bash disable=SC2154,SC2034 # settings and arguments are deploy.sh's and settings.sh's
# What all parts of deploy.sh use.

policy_name=pronghorn-function-rights
part_of=app.kubernetes.io/part-of=pronghorn

step() { printf '==> %s\n' "$*"; }
info() { printf '    %s\n' "$*"; }
warn() { printf '    warning: %s\n' "$*" >&2; }
fail() { printf 'deploy.sh: %s\n' "$*" >&2; exit 1; }
misuse() { printf 'deploy.sh: %s; see --help\n' "$*" >&2; exit 2; }

k() { "${KUBECTL:-kubectl}" ${context:+--context "$context"} "$@"; }

# quietly_k leaves out what the API server says about its own versions.
quietly_k() { k "$@" 2> >(sed '/^Warning: .*deprecated/d' >&2); }

exists() { k get "$@" >/dev/null 2>&1; } # exists KIND NAME [-n NAMESPACE]

# made_here NAMESPACE: this script made it; others' namespaces have no label.
made_here() {
	local ours
	ours=$(k get namespace -l "$part_of" -o name) || fail "the namespaces cannot be listed"
	grep -qx "namespace/$1" <<<"$ours"
}

# random N: N random bytes in hex.
random() { head -c "$1" /dev/urandom | od -An -v -tx1 | tr -d ' \n'; }

# secret_value NAMESPACE NAME KEY: what it holds; nothing if it is not there.
secret_value() {
	k get secret "$2" -n "$1" -o "go-template={{with .data}}{{with index . \"$3\"}}{{.}}{{end}}{{end}}" 2>/dev/null | base64 -d
}

# make_secret NAMESPACE NAME [KEY=VALUE…]: through standard input, so that no
# secret is on a command line, and created, so that none is in an annotation.
make_secret() {
	local namespace=$1 name=$2 pair labels='app.kubernetes.io/part-of: pronghorn'
	shift 2
	# So that faas-cli lists those of functions.
	[ "$namespace" = pronghorn ] || [ "$namespace" = stores ] || labels="$labels, app.kubernetes.io/managed-by: openfaas"
	{
		printf 'apiVersion: v1\nkind: Secret\nmetadata:\n  name: %s\n  namespace: %s\n' "$name" "$namespace"
		printf '  labels: {%s}\ndata:\n' "$labels"
		for pair in "$@"; do
			printf '  %s: %s\n' "${pair%%=*}" "$(printf %s "${pair#*=}" | base64 | tr -d '\n')"
		done
	} | k create -f - >/dev/null
	info "secret $namespace/$name created"
}
