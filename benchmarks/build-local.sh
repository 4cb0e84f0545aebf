#!/usr/bin/env bash
# Assembles one benchmark function, so that it runs without a container:
#
#   build-local.sh FUNCTION DEST    FUNCTION is one of --list, e.g. python/bfs or bfs
#   build-local.sh --list           lines "python bfs"
#
# DEST gets the server, the function, and two files of one line:
#   DEST/fprocess       the command, to be run in DEST, split on single spaces
#   DEST/upstream_url   where the function then answers
# Does nothing if DEST is newer than all sources.
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
templates=$(cd "$here/../templates" && pwd)

# A fixed heap makes snapshots comparable. The collector is the one that the
# JVM picks on one CPU. No perf data: a shared mapping of a file in /tmp cannot
# be restored elsewhere. The class archive stays at its address: pages that are
# not relocated are not private, so not in the snapshot.
java_flags='-XX:+UseSerialGC -XX:-UsePerfData -Xms128m -Xmx128m'
java_flags+=' -XX:+UnlockDiagnosticVMOptions -XX:ArchiveRelocationMode=0'

fail() {
	echo "build-local.sh: $1" >&2
	exit "${2:-1}"
}

list() {
	local path
	for path in "$here"/python/*/handler.py; do
		[ -e "$path" ] && echo "python $(basename "$(dirname "$path")")"
	done
	for path in "$here"/java/*/src/main/java/com/openfaas/function/Handler.java; do
		[ -e "$path" ] && path=${path#"$here/java/"} && echo "java ${path%%/*}"
	done
}

# Prints LANGUAGE/NAME for a function given with or without its language.
find_function() {
	local found
	found=$(list | tr ' ' / | grep -x -F -e "$1" -e "python/$1" -e "java/$1") ||
		fail "no function '$1'; there are: $(list | tr ' ' / | paste -sd' ')"
	echo "$found"
}

need() {
	command -v "$1" >/dev/null || fail "$1 is not installed"
}

# up_to_date DEST SOURCE... ; fprocess is written last.
up_to_date() {
	local dest=$1
	shift
	[ -e "$dest/fprocess" ] && [ -z "$(find "$@" -newer "$dest/fprocess" -print -quit)" ]
}

# Without bytecode every cold start would compile all modules again.
compile_python() {
	env -u PYTHONDONTWRITEBYTECODE pypy3 -m compileall -q "$@"
}

# Compiles the installed packages that the function imports, where that is
# missing and possible.
compile_packages() {
	local package directory
	for package in waitress $(sed -n 's/^\([A-Za-z0-9_]*\).*/\1/p' "$1/requirements.txt" 2>/dev/null); do
		directory=$(pypy3 - "$package" <<-'PY'
			import importlib.util, os, sys
			spec = importlib.util.find_spec(sys.argv[1])
			if spec is None:
			    sys.exit("build-local.sh: pypy3 cannot import " + sys.argv[1])
			if not os.path.exists(spec.cached) and os.access(os.path.dirname(spec.origin), os.W_OK):
			    print(os.path.dirname(spec.origin))
			PY
		)
		if [ -n "$directory" ]; then
			# One unusable module of a package must not stop the others.
			compile_python "$directory" || true
		fi
	done
}

build_python() {
	local source=$1 dest=$2 server=$templates/criu-pypy common=$here/python/common
	up_to_date "$dest" "$source" "$server" "$common" "${BASH_SOURCE[0]}" && return
	need pypy3
	rm -rf "$dest/function" "$dest/fprocess"
	mkdir -p "$dest/function"
	cp "$server/index.py" "$server/snapshot_hooks.py" "$dest/"
	cp -r "$source/." "$dest/function/"
	cp "$common/workload.py" "$dest/function/"
	rm -rf "$dest/function/__pycache__" "$dest"/function/test_*.py "$dest"/function/*.yml
	compile_packages "$source"
	compile_python "$dest"
	echo 'http://127.0.0.1:5000' >"$dest/upstream_url"
	echo 'pypy3 index.py' >"$dest/fprocess"
}

build_java() {
	local source=$1 dest=$2 server=$templates/criu-java common=$here/java/common
	up_to_date "$dest" "$source" "$server" "$common" "${BASH_SOURCE[0]}" && return
	need javac
	rm -rf "$dest/classes" "$dest/fprocess"
	mkdir -p "$dest/classes"
	find "$server/src/main/java" "$common/src/main/java" "$source/src/main/java" -name '*.java' -print0 |
		xargs -0 javac -Xlint:all -encoding UTF-8 --release 17 -d "$dest/classes"
	if [ -d "$source/src/main/resources" ]; then
		cp -r "$source/src/main/resources/." "$dest/classes/"
	fi
	echo 'http://127.0.0.1:8082' >"$dest/upstream_url"
	echo "java $java_flags -cp classes com.openfaas.entrypoint.App" >"$dest/fprocess"
}

main() {
	local function dest
	if [ "${1:-}" = --list ] && [ $# = 1 ]; then
		list
		return
	fi
	[ $# = 2 ] || fail 'usage: build-local.sh FUNCTION DEST | build-local.sh --list' 2
	function=$(find_function "$1")
	dest=$2
	if [ -e "$dest" ] && [ ! -e "$dest/upstream_url" ] && [ -n "$(ls -A "$dest")" ]; then
		fail "$dest is not empty and holds no function: will not write there"
	fi
	mkdir -p "$dest"
	dest=$(cd "$dest" && pwd)
	"build_${function%%/*}" "$here/$function" "$dest"
}

main "$@"
