#!/usr/bin/env bash
# Deploys benchmark functions through an OpenFaaS gateway, and removes them.
#
#   benchmarks/gateway.sh --gateway URL deploy NAME [VARIABLE=VALUE…]
#   benchmarks/gateway.sh --gateway URL remove NAME
#
# deploy takes image, environment and secrets from the stack file of the
# function and adds what snapshots need: the label, the agent, the token, which
# ./deploy.sh --function NAME makes, and the variables given. remove waits until
# the gateway does not list the function any more; one that is not there is no
# error. Log in first: faas-cli login.
#
# Environment:
#   OPENFAAS_PREFIX      prefix of the images  (pronghorn)
#   PRONGHORN_AGENT_URL  the agent, as functions reach it  (http://pronghorn-agent.pronghorn:8090)
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
agent=${PRONGHORN_AGENT_URL:-http://pronghorn-agent.pronghorn:8090}
gone_within=120
gateway=

die() { printf 'gateway.sh: %s\n' "$1" >&2; exit "${2:-1}"; }
usage() { sed -n '2,/^set /{/^set /d;s/^# \{0,1\}//;p}' "${BASH_SOURCE[0]}"; }

stack_of() { # stack_of NAME
	find "$here/python" "$here/java" -mindepth 2 -maxdepth 2 -name "$1.yml" | grep . || die "no function '$1'" 2
}

deploy() { # deploy NAME VARIABLE=VALUE…
	local name=$1 stack variable arguments=()
	shift
	stack=$(stack_of "$name")
	for variable in "snapshot_agent_url=$agent" "snapshot_function=$name" "$@"; do
		[[ "$variable" == *=* ]] || die "'$variable': want VARIABLE=VALUE" 2
		arguments+=(--env "$variable")
	done
	# From the root: faas-cli reads the template of the function's language there.
	(cd "$here/.." && faas-cli deploy --gateway "$gateway" --yaml "$stack" --filter "$name" \
		--label snapshot=true --annotation prometheus.io.scrape=true --annotation prometheus.io.port=8081 \
		--secret "pronghorn-token-$name" "${arguments[@]}")
}

is_there() { # is_there NAME
	local all
	all=$(faas-cli list --gateway "$gateway") || die "the gateway $gateway does not list its functions: is it there, and are you logged in (faas-cli login)?"
	awk -v name="$1" 'NR > 1 && $1 == name { found = 1 } END { exit !found }' <<<"$all"
}

remove() { # remove NAME
	local waited=0
	is_there "$1" || return 0
	faas-cli remove --gateway "$gateway" "$1"
	while is_there "$1"; do
		[ "$((waited += 1))" -le "$gone_within" ] || die "$1 is still there after $gone_within s"
		sleep 1
	done
}

main() {
	case "${1:-}" in
	-h | --help) usage; return ;;
	--gateway) gateway=${2:?--gateway wants a URL} ;;
	*) die 'want --gateway URL first; see --help' 2 ;;
	esac
	export OPENFAAS_URL=$gateway # what faas-cli takes, when --gateway is its default
	shift 2
	[ "$#" -ge 2 ] || die 'want deploy NAME or remove NAME; see --help' 2
	command -v faas-cli >/dev/null || die 'faas-cli is missing: see https://docs.openfaas.com/cli/install/'
	case "$1" in
	deploy | remove) "$@" ;;
	*) die "'$1': want deploy or remove" 2 ;;
	esac
}

main "$@"
