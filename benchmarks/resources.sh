#!/usr/bin/env bash
# Puts the files that a benchmark function comes with into a directory:
#
#   resources.sh FUNCTION DEST    FUNCTION as python/video
#
# They are generated (package benchmarks/resources); what is in DEST already
# stays. Where they belong in an image: function/resources for Python, and the
# directory resources of the class path for Java.
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)

fail() {
	echo "resources.sh: $1" >&2
	exit "${2:-1}"
}

[ $# = 2 ] || fail 'usage: resources.sh FUNCTION DEST' 2
[ -d "$here/$1" ] || fail "no function '$1'"
[ -e "$here/$1/resources.txt" ] || exit 0
mkdir -p "$2"
dest=$(cd "$2" && pwd)

missing=()
while read -r name; do
	[ -e "$dest/$name" ] || missing+=("$name")
done <"$here/$1/resources.txt"
[ "${#missing[@]}" -gt 0 ] || exit 0

command -v go >/dev/null || fail "Go is not installed: it is needed to generate ${missing[*]}"
cd "$here"
CGO_ENABLED=0 go run ./resources/generate "$dest" "${missing[@]}"
