#!/usr/bin/env bash
# Tests every benchmark function in its own language, and the function servers.
# A function whose parts are not installed is left out, or is an error if
# PRONGHORN_REQUIRE names what is missing (or "all").
set -euo pipefail
cd "$(dirname "$0")"
unset PYTHONDONTWRITEBYTECODE

prefix=${PRONGHORN_PREFIX:-/opt/pronghorn}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# Prints what a function needs, as scripts/setup.sh calls it.
needs() {
	case $1 in
	python/pagerank | python/dynamic-html) echo pypy libraries ;;
	python/compress | python/upload) echo pypy libraries minio ;;
	python/thumbnail) echo pypy libraries minio pillow ;;
	python/video) echo pypy libraries minio ffmpeg ;;
	java/html-rendering) echo jvm mustache ;;
	python/*) echo pypy ;;
	java/*) echo jvm ;;
	esac
}

has() {
	case $1 in
	pypy) pypy3 -c 'import networkx, waitress' ;;
	libraries) pypy3 -c 'import boto3, ctypes, jinja2; ctypes.CDLL("libopenblas.so.0")' ;;
	pillow) [ -d "$prefix/pypy/PIL" ] ;;
	minio) [ -x "$prefix/bin/minio" ] || command -v minio ;;
	ffmpeg) command -v ffmpeg && command -v ffprobe ;;
	jvm) command -v javac ;;
	mustache) [ -e "$prefix/java/mustache-compiler.jar" ] || [ -e /usr/share/java/mustache-compiler.jar ] ;;
	esac >/dev/null 2>&1
}

# missing FUNCTION prints what it needs and is not there.
missing() {
	local part
	for part in $(needs "$1"); do
		has "$part" || echo "$part"
	done
}

required() {
	[[ ",${PRONGHORN_REQUIRE:-}," == *",$1,"* || ",${PRONGHORN_REQUIRE:-}," == *,all,* ]]
}

test_python() {
	(cd "python/$1" && pypy3 -m unittest -q)
}

test_java() {
	local classes
	./build-local.sh "java/$1" "$work/$1"
	classes=$work/$1/classes
	mkdir "$work/$1-test"
	javac -cp "$classes" -d "$work/$1-test" "java/$1/src/test/java/com/openfaas/function/HandlerTest.java"
	java -ea -Xmx128m -cp "$classes:$work/$1-test" com.openfaas.function.HandlerTest >/dev/null
}

skip=()
while read -r language name; do
	absent=$(missing "$language/$name")
	for part in $absent; do
		if required "$part"; then
			echo "$language/$name: $part is required here, but missing: run scripts/setup.sh $part" >&2
			exit 1
		fi
	done
	if [ -n "$absent" ]; then
		echo "--- $language/$name: left out, for want of" $absent
		skip+=("$language/$name")
		continue
	fi
	echo "--- $language/$name"
	"test_$language" "$name"
done < <(./build-local.sh --list)

if has pypy; then
	echo "--- python/common"
	test_python common
	echo "--- servers"
	SKIP_FUNCTIONS="${skip[*]-}" pypy3 -m unittest -q test_servers
fi
