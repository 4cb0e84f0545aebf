#!/usr/bin/env bash
# Functions without OpenFaaS: prints the manifests of the functions of stack
# files, shaped as OpenFaaS's Community Edition shapes them.
#
#   deploy/plain.sh benchmarks/python/bfs/bfs.yml | kubectl apply -f -
#   deploy/plain.sh -snapshots STACK.yml…     with hot starts; see --help
set -euo pipefail
directory=$(pwd)
cd "$(dirname "${BASH_SOURCE[0]}")/.."
arguments=()
for argument in "$@"; do
	# Stack files are named relative to where the caller is.
	if [ -e "$directory/$argument" ]; then argument=$directory/$argument; fi
	arguments+=("$argument")
done
exec go run ./deploy/plain "${arguments[@]}"
