#!/bin/sh
# Compiles the server and the function into classes/, with the function's
# libraries in lib/, and runs the function's tests. Part of the image's build.
#
#   build-function.sh [TEST_ENABLED]
#
# Libraries: function/lib/*.jar, and the runtime dependencies of
# function/pom.xml, if there is one. Tests: src/test/java, with JUnit 4, or
# classes with a main method that run with assertions on.
set -eu
cd "$(dirname "$0")"

mkdir -p classes lib test-lib
if [ -d function/lib ]; then
	cp function/lib/*.jar lib/
fi
if [ -f function/pom.xml ]; then
	mvn -q -B -f function/pom.xml dependency:copy-dependencies -DincludeScope=runtime -DoutputDirectory="$PWD/lib"
elif [ -f function/build.gradle ]; then
	echo 'build-function.sh: function/build.gradle is not read: name libraries in a pom.xml, or put jars into lib/' >&2
fi

# Sources that a stack file copies in (configuration.copy) count as well.
find src/main/java function -name '*.java' -path '*src/main/java/*' >sources
javac -encoding UTF-8 -cp 'lib/*' -d classes @sources
find function -path '*/src/main/resources' -type d | while read -r resources; do
	cp -r "$resources/." classes/
done

tests=$(find function/src/test/java -name '*.java' 2>/dev/null || true)
if [ "${1:-true}" != true ] || [ -z "$tests" ]; then
	exit 0
fi
junit=/opt/junit/usr/share/java
path="classes:test-classes:lib/*:$junit/junit4.jar:$junit/hamcrest-core.jar:$junit/hamcrest.jar"
mkdir test-classes
echo "$tests" >sources
javac -encoding UTF-8 -cp "$path" -d test-classes @sources
for test in $tests; do
	class=$(echo "${test#function/src/test/java/}" | sed 's,/,.,g; s,\.java$,,')
	if grep -q 'org\.junit' "$test"; then
		java -ea -cp "$path" org.junit.runner.JUnitCore "$class"
	elif grep -q 'static void main(' "$test"; then
		java -ea -cp "$path" "$class"
	fi
done
