#!/usr/bin/env bash
# Tests every benchmark function in its own language, and the function servers.
set -euo pipefail
cd "$(dirname "$0")"
unset PYTHONDONTWRITEBYTECODE

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

test_python() {
	(cd "python/$1" && pypy3 -m unittest -q)
}

test_java() {
	local classes
	./build-local.sh "java/$1" "$work/$1"
	classes=$work/$1/classes
	mkdir "$work/$1-test"
	javac -cp "$classes" -d "$work/$1-test" "java/$1/src/test/java/com/openfaas/function/HandlerTest.java"
	java -ea -cp "$classes:$work/$1-test" com.openfaas.function.HandlerTest >/dev/null
}

while read -r language name; do
	echo "--- $language/$name"
	"test_$language" "$name"
done < <(./build-local.sh --list)

echo "--- servers"
pypy3 -m unittest -q test_servers
