#!/usr/bin/env bash
# Assembles one benchmark function, so that it runs without a container:
#
#   build-local.sh FUNCTION DEST    FUNCTION is one of --list, e.g. python/bfs or bfs
#   build-local.sh --list           lines "python bfs"
#
# DEST gets the server, the function with its resources, and
#   DEST/fprocess       the command, to be run in DEST, split on single spaces
#   DEST/upstream_url   where the function then answers
# and, a NAME=VALUE a line,
#   DEST/environment    what the template's image sets
#   DEST/services.txt   services that it talks to, one a line: s3, objects
# Does nothing if DEST is newer than all sources. Libraries that scripts/setup.sh
# keeps below PRONGHORN_PREFIX (/opt/pronghorn) are copied. JAVA_COLLECTOR is the
# JVM's flag for its collector (-XX:+UseSerialGC); empty leaves it to the JVM.
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
templates=$(cd "$here/../templates" && pwd)
prefix=${PRONGHORN_PREFIX:-/opt/pronghorn}

# A fixed heap makes snapshots comparable. The collector is the one that the
# JVM picks on one CPU, unless JAVA_COLLECTOR says another. No perf data: a
# shared mapping of a file in /tmp cannot be restored elsewhere. The class archive stays at its address: pages that are
# not relocated are not private, so not in the snapshot.
collector=${JAVA_COLLECTOR--XX:+UseSerialGC}
java_flags='-XX:-UsePerfData -Xms128m -Xmx128m'${collector:+ $collector}
java_flags+=' -XX:+UnlockDiagnosticVMOptions -XX:ArchiveRelocationMode=0'
java_flags+=' --add-opens=java.base/java.lang=ALL-UNNAMED --add-opens=java.base/java.util.concurrent=ALL-UNNAMED'

# What the templates' images set, too: a small young generation, and a malloc
# that gives memory back that snapshots would carry.
hooks='snapshot_hook_before_checkpoint=/_/snapshot/before-checkpoint
snapshot_hook_after_restore=/_/snapshot/after-restore'
java_environment='JDK_JAVA_OPTIONS=-Xmn8m
MALLOC_ARENA_MAX=1
MALLOC_TRIM_THRESHOLD_=65536
MALLOC_MMAP_THRESHOLD_=65536'

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

# add_resources FUNCTION FROM TO: FROM keeps what was generated, TO gets links
# to it, so that it outlives the next assembling without being copied.
add_resources() {
	[ -e "$here/$1/resources.txt" ] || return 0
	if [ -n "$(find "$here/resources" -name '*.go' -newer "$2" -print -quit 2>/dev/null)" ]; then
		rm -rf "$2"
	fi
	"$here/resources.sh" "$1" "$2"
	cp -rl "$2" "$3"
}

add_services() { # add_services SOURCE DEST
	rm -f "$2/services.txt"
	if [ -e "$1/services.txt" ]; then
		cp "$1/services.txt" "$2/"
	fi
}

# add_pillow DEST: setup.sh keeps Pillow for PyPy where no other Python finds it.
add_pillow() {
	if [ -d "$prefix/pypy/PIL" ]; then
		cp -r "$prefix/pypy/PIL" "$1/"
	else
		pypy3 -c 'import PIL._imaging' 2>/dev/null || fail 'Pillow for PyPy is missing: run scripts/setup.sh pillow'
	fi
}

# add_jars LIST CLASSES unpacks libraries, as one jar with all dependencies
# would hold them: a jar that stays open would be part of every snapshot.
add_jars() {
	local name jar
	while read -r name; do
		jar=$prefix/java/$name.jar
		[ -e "$jar" ] || jar=/usr/share/java/$name.jar
		[ -e "$jar" ] || fail "$name.jar is missing: run scripts/setup.sh mustache"
		(cd "$2" && jar xf "$jar" && rm -rf META-INF)
	done <"$1"
}

# Prints the installed packages that the function imports, with theirs.
packages() {
	local package
	echo waitress
	for package in $(sed -n 's/^\([A-Za-z0-9_]*\).*/\L\1/p' "$1/requirements.txt" 2>/dev/null); do
		case $package in
		boto3) echo boto3 botocore s3transfer urllib3 jmespath dateutil ;;
		jinja2) echo jinja2 markupsafe ;;
		pillow) ;; # is part of the assembled function
		*) echo "$package" ;;
		esac
	done
}

# Compiles the installed packages that the function imports, where that is
# missing and possible.
compile_packages() {
	local package directory
	for package in $(packages "$1"); do
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
	up_to_date "$dest" "$source" "$server" "$common" "$here/resources" "${BASH_SOURCE[0]}" && return
	need pypy3
	rm -rf "$dest/function" "$dest/fprocess"
	echo 'http://127.0.0.1:5000' >"$dest/upstream_url"
	mkdir -p "$dest/function"
	cp "$server"/*.py "$dest/"
	cp -r "$source/." "$dest/function/"
	cp "$common"/*.py "$dest/function/"
	rm -rf "$dest/function/__pycache__" "$dest"/function/test*.py "$dest"/function/*.yml
	if grep -qi '^pillow' "$source/requirements.txt"; then
		add_pillow "$dest/function"
	fi
	add_resources "${source#"$here/"}" "$dest/resources" "$dest/function/resources"
	add_services "$source" "$dest"
	compile_packages "$source"
	compile_python "$dest"
	echo "$hooks" >"$dest/environment"
	echo 'pypy3 index.py' >"$dest/fprocess"
}

build_java() {
	local source=$1 dest=$2 server=$templates/criu-java common=$here/java/common
	up_to_date "$dest" "$source" "$server" "$common" "$here/resources" "${BASH_SOURCE[0]}" && return
	need javac
	rm -rf "$dest/classes" "$dest/fprocess"
	echo 'http://127.0.0.1:8082' >"$dest/upstream_url"
	mkdir -p "$dest/classes"
	if [ -e "$source/jars.txt" ]; then
		add_jars "$source/jars.txt" "$dest/classes"
	fi
	find "$server/src/main/java" "$common/src/main/java" "$source/src/main/java" -name '*.java' -print0 |
		xargs -0 javac -Xlint:all -encoding UTF-8 --release 17 -cp "$dest/classes" -d "$dest/classes"
	if [ -d "$source/src/main/resources" ]; then
		cp -r "$source/src/main/resources/." "$dest/classes/"
	fi
	add_resources "${source#"$here/"}" "$dest/resources" "$dest/classes/resources"
	add_services "$source" "$dest"
	printf '%s\n' "$hooks" "$java_environment" >"$dest/environment"
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
