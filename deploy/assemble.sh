#!/usr/bin/env bash
# Puts a function's build tree together, as `faas-cli build --shrinkwrap` does:
# the template's files, with the handler's in its function/ directory.
#
#   deploy/assemble.sh TEMPLATE HANDLER DESTINATION [EXTRA…]
#
# TEMPLATE is a directory. EXTRA are paths below the current directory that go
# into function/ under the same paths, as configuration.copy of a stack file.
set -euo pipefail

[ $# -ge 3 ] || { echo 'usage: assemble.sh TEMPLATE HANDLER DESTINATION [EXTRA…]' >&2; exit 2; }
template=$1 handler=$2 destination=$3
shift 3
[ -f "$template/Dockerfile" ] || { echo "assemble.sh: $template is no template: it has no Dockerfile" >&2; exit 1; }
[ -d "$handler" ] || { echo "assemble.sh: no handler directory $handler" >&2; exit 1; }

rm -rf "$destination"
mkdir -p "$destination/function"
cp -RL "$template/." "$destination/"
for path in "$handler"/* "$handler"/.[!.]*; do
	case "${path##*/}" in
	build | template | '*' | '.[!.]*') ;;
	*) cp -RL "$path" "$destination/function/" ;;
	esac
done
for extra in "$@"; do
	case "/$extra/" in
	//* | */../*) echo "assemble.sh: $extra is not below the current directory" >&2; exit 1 ;;
	esac
	mkdir -p "$destination/function/$extra"
	if [ -d "$extra" ]; then
		cp -RL "$extra/." "$destination/function/$extra/"
	else
		rmdir "$destination/function/$extra"
		cp "$extra" "$destination/function/$extra"
	fi
done
