#!/usr/bin/env bash
# Builds the images of the benchmark functions from their stack files, deploys
# each on the local container engine, asks it once, and cleans up.
#
#   benchmarks/build.sh             all functions
#   benchmarks/build.sh bfs …       these
#   benchmarks/build.sh --list      their names
#   benchmarks/build.sh --trees DIR [FUNCTION…]   only puts the build trees together, in DIR
#   benchmarks/build.sh --gateway URL [FUNCTION…]
#                                   builds the images, pushes them to the registry of
#                                   OPENFAAS_PREFIX, deploys them with faas-cli through an
#                                   OpenFaaS gateway, and asks each there; they stay
#
# Prints a line for each function, OK or not OK; ends with 1 if one is not OK.
# The trees are put together by faas-cli if it is on the PATH, else by
# deploy/assemble.sh, which makes the same. Images stay, as OPENFAAS_PREFIX/NAME.
#
# Environment:
#   OPENFAAS_PREFIX   prefix of the images  (pronghorn; needed with --gateway)
#   DOCKER_HOST       the engine; if none answers, scripts/dockerd.sh starts one
#   PRONGHORN_PREFIX  where scripts/setup.sh keeps MinIO and jars (/opt/pronghorn)
# See also gateway.sh.
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
root=$(cd "$here/.." && pwd)
docker=${PRONGHORN_DOCKER:-$(PATH=/usr/bin:$PATH command -v docker || true)}
prefix=${PRONGHORN_PREFIX:-/opt/pronghorn}
start_limit=120
stage=
gateway=
container=
service_pids=()
service_environment=()
export DOCKER_BUILDKIT=1

say() { printf 'build.sh: %s\n' "$*" >&2; }
die() { say "$1"; exit "${2:-1}"; }

cleanup() {
	[ -z "$container" ] || "$docker" rm --force "$container" >/dev/null 2>&1 || true
	[ "${#service_pids[@]}" = 0 ] || kill "${service_pids[@]}" 2>/dev/null || true
	[ -z "$stage" ] || rm -rf "$stage"
}
trap cleanup EXIT

# --- stack files ------------------------------------------------------------

stack_files() { find "$here/python" "$here/java" -mindepth 2 -maxdepth 2 -name '*.yml' | sort; }
names() { stack_files | sed 's,.*/,,; s,\.yml$,,'; }

stack_of() { # stack_of NAME
	stack_files | grep -E "/$1\.yml$" || die "no function '$1'; there are: $(names | paste -sd' ')" 2
}

# field STACK KEY: a scalar of the one function in the stack file.
field() {
	sed -n "s/^    $2: *//p" "$1" | sed "s|\${OPENFAAS_PREFIX:-\([^}]*\)}|${OPENFAAS_PREFIX:-\1}|"
}

# pairs STACK KEY: the entries below a key of the function, as NAME=VALUE.
pairs() {
	awk -v key="    $2:" '
		index($0, key) == 1 { inside = 1; next }
		inside && !/^      / { inside = 0 }
		inside { sub(/^ */, ""); sub(/: */, "="); gsub(/^"|"$/, ""); sub(/="/, "="); sub(/"$/, ""); print }
	' "$1"
}

# --- building ---------------------------------------------------------------

# make_stage copies the functions, each with what it needs beside it, since an
# image gets the handler's directory only: what the functions of its language
# share, and its resources (add_resources).
make_stage() {
	local directory
	stage=$(mktemp -d)
	cp -RL "$here/python" "$here/java" "$stage/"
	cp -RL "$root/template" "$stage/template"
	find "$stage" -name __pycache__ -prune -exec rm -rf {} +
	for directory in "$stage"/python/*/; do
		[ "$(basename "$directory")" = common ] || cp "$stage"/python/common/*.py "$directory"
	done
	for directory in "$stage"/java/*/; do
		[ "$(basename "$directory")" = common ] || cp -R "$stage/java/common/src" "$directory"
	done
}

add_resources() { # add_resources HANDLER
	case "$1" in
	./python/*) "$here/resources.sh" "${1#./}" "$stage/$1/resources" ;;
	./java/*) "$here/resources.sh" "${1#./}" "$stage/$1/src/main/resources/resources" ;;
	esac
	find "$stage/$1" -depth -type d -empty -delete
}

# assemble NAME STACK: the build tree in $stage/build/NAME.
assemble() {
	local copied
	add_resources "$(field "$2" handler)"
	if command -v faas-cli >/dev/null; then
		(cd "$stage" && faas-cli build --shrinkwrap -f "${2#"$here/"}" >&2)
		return
	fi
	copied=$(awk '/^  copy:/ { inside = 1; next } inside && /^ *- / { print $2; next } { inside = 0 }' "$2")
	# shellcheck disable=SC2086
	(cd "$stage" && "$root/deploy/assemble.sh" "template/$(field "$2" lang)" "$(field "$2" handler)" "build/$1" $copied)
}

reaches() { curl --silent --output /dev/null --max-time 10 "$1"; }

# local_jars NAME: where Maven's repository cannot be reached, the function's
# jars are those that scripts/setup.sh keeps, and its pom.xml is left out.
local_jars() {
	local name jar function=$stage/build/$1/function
	[ -e "$function/pom.xml" ] && [ -e "$function/jars.txt" ] || return 0
	! reaches https://repo.maven.apache.org/maven2/ || return 0
	mkdir -p "$function/lib"
	while read -r name; do
		jar=$prefix/java/$name.jar
		[ -e "$jar" ] || jar=/usr/share/java/$name.jar
		cp "$jar" "$function/lib/"
	done <"$function/jars.txt"
	rm "$function/pom.xml"
}

# debian_packages NAME: where PyPI cannot be reached, the function's Python
# packages come from Debian, in Debian's versions, and requirements.txt is emptied.
debian_packages() {
	local requirements=$stage/build/$1/function/requirements.txt
	grep -qs '^[A-Za-z]' "$requirements" || return 0
	! reaches https://pypi.org/simple/ || return 0
	if grep -qi '^pillow' "$requirements"; then
		add_pillow "$stage/build/$1/function" >&2
		printf 'libjpeg62-turbo zlib1g '
	fi
	sed -n 's/^\([A-Za-z][A-Za-z0-9_.-]*\).*/python3-\1/p' "$requirements" | tr 'A-Z_' 'a-z-' | grep -v pillow | sort -u | tr '\n' ' '
	: >"$requirements"
}

add_pillow() { # add_pillow FUNCTION
	local made
	"$docker" build --network=host --tag pronghorn-pillow - <"$here/pillow.Dockerfile"
	made=$("$docker" create pronghorn-pillow 2>/dev/null)
	"$docker" cp "$made:/built/PIL" "$1/PIL"
	"$docker" rm "$made" >/dev/null
}

build() { # build NAME STACK
	local pair packages arguments=(--build-arg TEST_ENABLED=false)
	local_jars "$1"
	packages=$(debian_packages "$1")
	while read -r pair; do
		case "$pair" in
		ADDITIONAL_PACKAGE=*) packages="$packages ${pair#*=}" ;;
		*) arguments+=(--build-arg "$pair") ;;
		esac
	done < <(pairs "$2" build_args)
	arguments+=(--build-arg "ADDITIONAL_PACKAGE=$packages")
	"$docker" build --network=host --tag "$(field "$2" image)" "${arguments[@]}" "$stage/build/$1"
}

# --- services that functions talk to ----------------------------------------

# start_services starts what services.txt of a function names, where containers
# reach it: a MinIO server with the bucket, and the files that upload fetches.
start_services() {
	local gateway
	[ "${#service_pids[@]}" = 0 ] || return 0
	[ -x "$prefix/bin/minio" ] || die 'the MinIO server is missing: run scripts/setup.sh minio'
	gateway=$("$docker" network inspect bridge --format '{{(index .IPAM.Config 0).Gateway}}')
	mkdir -p "$stage/minio/benchmarks"
	MINIO_ROOT_USER=benchmarks MINIO_ROOT_PASSWORD=benchmarks MINIO_BROWSER=off \
		"$prefix/bin/minio" server --quiet --address "$gateway:9310" "$stage/minio" >"$stage/minio.log" 2>&1 &
	service_pids+=($!)
	(cd "$root" && CGO_ENABLED=0 go build -o "$stage/generate" ./benchmarks/resources/generate)
	"$stage/generate" --serve "$gateway:9311" >"$stage/objects.log" 2>&1 &
	service_pids+=($!)
	curl --silent --output /dev/null --retry 30 --retry-delay 1 --retry-connrefused "http://$gateway:9310/minio/health/ready"
	service_environment=(--env "s3_url=http://$gateway:9310" --env s3_access_key=benchmarks
		--env s3_secret_key=benchmarks --env "source_url=http://$gateway:9311")
}

# --- checking ---------------------------------------------------------------

deploy() { # deploy STACK
	local pair arguments=()
	while read -r pair; do
		arguments+=(--env "$pair")
	done < <(pairs "$1" environment)
	if [ -e "$(dirname "$1")/services.txt" ]; then
		start_services
		arguments+=("${service_environment[@]}") # the last one of a name counts
	fi
	container=$("$docker" run --detach "${arguments[@]}" "$(field "$1" image)")
}

# ask URL sends one request and wants what every benchmark function answers.
ask() {
	local answer
	answer=$(curl --silent --show-error --include --max-time "$start_limit" --retry 40 --retry-delay 1 \
		--retry-connrefused "$1?mutability=1" | tr -d '\r')
	if ! grep -Eq '^HTTP/[0-9.]+ 200' <<<"$answer" || ! grep -qi '^X-Server-Time-Us: [0-9]' <<<"$answer"; then
		head -20 <<<"$answer"
		[ -z "$container" ] || "$docker" logs "$container" 2>&1 | tail -20
		return 1
	fi
}

ask_container() {
	ask "http://$("$docker" inspect --format '{{.NetworkSettings.IPAddress}}' "$container"):8080/"
}

# deploy_remotely NAME STACK: through the gateway, which answers 404 or 502
# until the function is there; curl tries again at the latter only.
deploy_remotely() {
	local left=$start_limit
	"$docker" push "$(field "$2" image)" && "$here/gateway.sh" --gateway "$gateway" deploy "$1" || return
	until curl --silent --fail --output /dev/null --max-time 10 "$gateway/function/$1/_/ready"; do
		[ "$((left -= 1))" -gt 0 ] || break # what is wrong, ask says
		sleep 1
	done
	ask "$gateway/function/$1"
}

undeploy() {
	"$docker" rm --force "$container" >/dev/null
	container=
}

check() { # check NAME STACK
	assemble "$1" "$2" && build "$1" "$2" || return
	if [ -n "$gateway" ]; then
		deploy_remotely "$1" "$2"
	else
		deploy "$2" && ask_container
	fi
}

check_all() {
	local name stack log failed=0
	log=$stage/log
	for name in "$@"; do
		stack=$(stack_of "$name")
		# A subshell would lose $container, and with it the clean-up.
		if check "$name" "$stack" >"$log" 2>&1; then
			echo "OK      $name"
		else
			echo "not OK  $name"
			tail -30 "$log" >&2
			failed=1
		fi
		[ -z "$container" ] || undeploy
	done
	return $failed
}

need_engine() {
	[ -n "$docker" ] || die 'docker is missing: apt-get install docker.io'
	command -v curl >/dev/null || die 'curl is missing: apt-get install curl'
	if ! "$docker" version >/dev/null 2>&1; then
		eval "$("$root/scripts/dockerd.sh" start)"
		export DOCKER_HOST
	fi
	"$root/deploy/images.sh" --if-missing
}

main() {
	local name trees=
	case "${1:-}" in
	--list)
		names
		return
		;;
	--trees)
		trees=${2:?--trees wants a directory}
		mkdir -p "$trees"
		shift 2
		;;
	--gateway)
		gateway=${2:?--gateway wants a URL}
		gateway=${gateway%/}
		shift 2
		[ -n "${OPENFAAS_PREFIX:-}" ] || die 'OPENFAAS_PREFIX is not set: want a registry that the cluster pulls from, such as ghcr.io/me' 2
		command -v faas-cli >/dev/null || die 'faas-cli is missing: see https://docs.openfaas.com/cli/install/'
		;;
	-*) die "unknown option $1" 2 ;;
	esac
	# shellcheck disable=SC2046
	[ $# -gt 0 ] || set -- $(names)
	for name in "$@"; do
		stack_of "$name" >/dev/null
	done
	make_stage
	if [ -n "$trees" ]; then
		for name in "$@"; do
			assemble "$name" "$(stack_of "$name")"
			cp -R "$stage/build/$name" "$trees/"
		done
		return
	fi
	need_engine
	check_all "$@"
}

main "$@"
