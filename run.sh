#!/usr/bin/env bash
# Runs the benchmarks or the tests; see --help.
set -euo pipefail

usage() {
	cat <<-'TEXT'
		./run.sh basic            bfs with three strategies at three eviction rates, within 10 minutes
		./run.sh suite pypy|jvm   all benchmark functions of a language, as the paper runs them: hours
		./run.sh evaluation       all benchmark functions and the report: many hours, or what BUDGET says
		./run.sh TEST --gateway URL --kv URL
		                          basic, suite or evaluation in a cluster with OpenFaaS, as the
		                          artifact does it: docs/benchmarks.md#through-a-gateway
		./run.sh test             all tests
		./run.sh --help

		The first call installs what is missing (Go is needed; CRIU, PyPy and a JDK come
		from Debian's packages; suites build MinIO, too, some minutes), which needs
		root, as the benchmarks do. Results go to
		data/: a CSV with two more files beside it, and figures; the report of an
		evaluation goes to report/. What is interrupted goes on when it is started
		again; --fresh starts over.

		REQUESTS=40 ./run.sh basic    fewer requests of each configuration
		RATES="4 1", STRATEGIES="cold request_centric", FUNCTIONS="mst video"
		BUDGET=60m ./run.sh evaluation    as many requests of each function as fit
		REPETITIONS=3, SWEEP="bfs mst"    runs of everything; functions of the fixed-k sweep
		Further words are flags of 'pronghorn bench': ./run.sh basic --pause 50ms
	TEXT
}

fail() {
	printf 'run.sh: %s\n' "$1" >&2
	exit "${2:-1}"
}

build() {
	printf 'run.sh: building\n' >&2
	export CGO_ENABLED=0
	go build -trimpath -ldflags='-s -w' -o bin/pronghorn ./cmd/pronghorn
	go build -trimpath -ldflags='-s -w' -o bin/fwatchdog ./watchdog/fwatchdog
}

# use_criu names a CRIU that setup.sh keeps in a place of the user's choice.
use_criu() {
	local own=${PRONGHORN_PREFIX:-}/criu/bin/criu
	if [ -z "${PRONGHORN_CRIU:-}" ] && [ -n "${PRONGHORN_PREFIX:-}" ] && [ -x "$own" ]; then
		export PRONGHORN_CRIU=$own
	fi
}

# parts names what is to be set up: for bfs and simple-hash, little.
parts() {
	case "$1 ${FUNCTIONS:-} $*" in
	*--functions*) echo suite ;;
	'basic  '* | 'basic bfs '* | 'basic simple-hash '*) echo run ;;
	'suite '*) echo "suite-$2" ;;
	*) echo suite ;;
	esac
}

# through_gateway: only the program that sends the requests runs here.
through_gateway() {
	case " $* " in
	*' --gateway '* | *' --gateway='*) ;;
	*) return 1 ;;
	esac
}

bench() {
	if through_gateway "$@"; then
		build
		exec bin/pronghorn bench "$@"
	fi
	[ "$(id -u)" = 0 ] || fail 'the benchmarks need root, for namespaces and CRIU: run as root, for instance with sudo'
	scripts/setup.sh "$(parts "$@")"
	build
	use_criu
	exec bin/pronghorn bench "$@"
}

cd "$(dirname "${BASH_SOURCE[0]}")"
case "${1:-}" in
basic | evaluation) bench "$@" ;;
suite)
	case "${2:-}" in
	pypy | jvm) bench "$@" ;;
	*) fail "suite '${2:-}': want pypy or jvm" 2 ;;
	esac
	;;
test) exec make test ;;
-h | --help | help) usage ;;
*)
	usage >&2
	fail "unknown command '${1:-}'" 2
	;;
esac
