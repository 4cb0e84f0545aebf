#!/usr/bin/env bash
# Sets up what Pronghorn runs on: Go, CRIU, PyPy, a JDK and, for the tests,
# Redis and MinIO. Idempotent; with nothing missing it takes a fraction of a second.
#
#   scripts/setup.sh run     what ./run.sh needs (go, criu, pypy, jvm)
#   scripts/setup.sh test    that, and what the tests need (redis, minio, cc)
#   scripts/setup.sh NAME…   single parts: go criu pypy jvm redis minio cc
#
# Environment:
#   PRONGHORN_PREFIX         where CRIU and MinIO are kept    (/opt/pronghorn)
#   PRONGHORN_DEBIAN_MIRROR  the Debian mirror CRIU comes from (http://deb.debian.org/debian)
#   PRONGHORN_CRIU           a criu binary of your own; used as it is when it works
set -euo pipefail

prefix=${PRONGHORN_PREFIX:-/opt/pronghorn}
mirror=${PRONGHORN_DEBIAN_MIRROR:-http://deb.debian.org/debian}
minio_version=v0.0.0-20260212201848-7aac2a2c5b7c
# From this one on, Go fetches the version that go.mod asks for by itself.
go_minimum=1.21
here=$(cd "$(dirname "$0")" && pwd)
apt_fresh=

say() { printf 'setup: %s\n' "$*" >&2; }
die() { printf 'setup: %s\n' "$*" >&2; exit 1; }
have() { command -v "$1" >/dev/null 2>&1; }

# --- packages ---------------------------------------------------------------

need_root() {
	[ "$(id -u)" = 0 ] || die "$1 is missing and installing it needs root: run again as root, or install it yourself (see docs/setup.md)"
	[ -r /etc/os-release ] && . /etc/os-release
	case "${ID:-} ${ID_LIKE:-}" in
	*debian* | *ubuntu*) ;;
	*) die "$1 is missing and this is ${PRETTY_NAME:-not a Debian or Ubuntu system}: install it yourself (see docs/setup.md)" ;;
	esac
}

apt_install() { # apt_install WHAT PACKAGE…
	need_root "$1"
	local what=$1
	shift
	say "installing $what ($*)"
	[ -n "$apt_fresh" ] || quietly apt-get update -q
	apt_fresh=yes
	quietly env DEBIAN_FRONTEND=noninteractive apt-get install -q -y --no-install-recommends "$@"
}

# quietly runs a command and shows what it printed only when it fails.
quietly() {
	local log
	log=$(mktemp)
	if ! "$@" >"$log" 2>&1 </dev/null; then
		cat "$log" >&2
		rm -f "$log"
		die "this failed: $*"
	fi
	rm -f "$log"
}

# --- Go ---------------------------------------------------------------------

need_go() {
	have go || die "Go is missing: install Go ≥ $go_minimum (https://go.dev/dl) and put it on the PATH"
	local version
	version=$(go env GOVERSION)
	version=${version#go}
	printf '%s\n%s\n' "$go_minimum" "$version" | sort -V -C ||
		die "Go $version is too old: Go ≥ $go_minimum is needed"
}

# --- CRIU -------------------------------------------------------------------

criu_tree=$prefix/criu

# criu_works CRIU: `criu check` passes, and a process with a listening socket
# survives a dump and a restore. The version says nothing: 3.17 and 4.1 fail on
# new kernels, older kernels run both. The result is remembered per kernel boot
# image and binary.
criu_works() {
	local criu=$1 stamp key
	[ -x "$criu" ] || return 1
	key="$(uname -rv) $("$criu" --version 2>/dev/null | tr '\n' ' ') $(stat -Lc '%s %Y' "$criu")"
	stamp=$prefix/criu-works
	[ "$(cat "$stamp" 2>/dev/null)" = "$criu $key" ] && return 0
	"$here/criu-selftest.sh" "$criu" || return 1
	mkdir -p "$prefix"
	printf '%s %s' "$criu" "$key" >"$stamp"
}

need_criu() {
	local candidate
	if [ -n "${PRONGHORN_CRIU:-}" ]; then
		[ "$(id -u)" = 0 ] || die "CRIU needs root"
		criu_works "$PRONGHORN_CRIU" || die "PRONGHORN_CRIU=$PRONGHORN_CRIU does not dump and restore on this kernel"
		return
	fi
	[ "$(id -u)" = 0 ] || die "checkpoints need root (CRIU): run again as root"
	for candidate in "$criu_tree/bin/criu" "$(command -v criu || true)"; do
		if [ -n "$candidate" ] && criu_works "$candidate"; then
			return
		fi
	done
	need_root CRIU
	case "$(uname -m)" in
	x86_64) fetch_criu amd64 x86_64-linux-gnu ld-linux-x86-64.so.2 ;;
	aarch64) fetch_criu arm64 aarch64-linux-gnu ld-linux-aarch64.so.1 ;;
	*) die "no CRIU recipe for $(uname -m): install CRIU ≥ 4.2 and set PRONGHORN_CRIU" ;;
	esac
	criu_works "$criu_tree/bin/criu" ||
		die "CRIU from Debian forky does not dump and restore on kernel $(uname -r): run $here/criu-selftest.sh $criu_tree/bin/criu to see why"
}

# fetch_criu ARCH TRIPLET LOADER puts Debian forky's CRIU with every library it
# needs, libc included, under one prefix. apt works on a state of its own, so
# the system's package lists, packages and libc stay as they are.
fetch_criu() {
	local arch=$1 triplet=$2 loader=$3 work tree keyring
	keyring=/usr/share/keyrings/debian-archive-keyring.gpg
	[ -r "$keyring" ] || apt_install "Debian's archive keys" debian-archive-keyring
	say "fetching CRIU from Debian forky into $criu_tree"
	work=$(mktemp -d)
	mkdir -p "$work"/{lists/partial,cache/archives/partial,etc,debs}
	: >"$work/status"
	echo "deb [arch=$arch signed-by=$keyring] $mirror forky main" >"$work/sources.list"
	cat >"$work/apt.conf" <<-CONF
		Dir::State::Lists "$work/lists";
		Dir::State::status "$work/status";
		Dir::Cache "$work/cache";
		Dir::Etc::SourceList "$work/sources.list";
		Dir::Etc::SourceParts "-";
		Dir::Etc::Preferences "-";
		Dir::Etc::PreferencesParts "-";
		APT::Architecture "$arch";
		APT::Architectures { "$arch"; };
		APT::Install-Recommends "false";
		APT::Sandbox::User "root";
		Debug::NoLocking "true";
	CONF
	quietly env APT_CONFIG="$work/apt.conf" apt-get update -q
	quietly env APT_CONFIG="$work/apt.conf" apt-get install -q -y --download-only criu
	tree=$criu_tree.new
	rm -rf "$tree"
	mkdir -p "$tree"
	unpack_debs "$work/cache/archives" "$tree"
	prune_tree "$tree" "$triplet" "$loader"
	rm -rf "$criu_tree"
	mv "$tree" "$criu_tree"
	rm -rf "$work"
	say "CRIU $("$criu_tree/bin/criu" --version | sed -n 's/^Version: //p') is in $criu_tree"
}

unpack_debs() { # unpack_debs FROM TREE
	local deb
	for deb in "$1"/*.deb; do
		quietly dpkg-deb -x "$deb" "$2/root"
	done
}

# prune_tree keeps what the criu program needs (the binary, the loader and the
# shared libraries) and adds bin/criu, which starts it through that loader.
prune_tree() { # prune_tree TREE TRIPLET LOADER
	local tree=$1 triplet=$2 loader=$3 lib
	mkdir -p "$tree/bin" "$tree/lib"
	cp -L "$tree/root/usr/sbin/criu" "$tree/lib/criu"
	for lib in "$tree/root/usr/lib/$triplet"/*.so* "$tree/root/lib/$triplet"/*.so*; do
		[ -e "$lib" ] && cp -Ln "$lib" "$tree/lib/" 2>/dev/null || true
	done
	for lib in "$tree/root/usr/lib64/$loader" "$tree/root/usr/lib/$loader" "$tree/root/usr/lib/$triplet/$loader" "$tree/root/lib64/$loader"; do
		[ -e "$lib" ] && cp -Ln "$lib" "$tree/lib/loader" 2>/dev/null || true
	done
	[ -e "$tree/lib/loader" ] || die "no $loader among the packages of forky"
	[ ! -d "$tree/root/usr/share/doc/criu" ] || cp "$tree/root/usr/share/doc/criu/copyright" "$tree/COPYRIGHT"
	rm -rf "$tree/root"
	keep_needed "$tree/lib"
	cat >"$tree/bin/criu" <<-'SH'
		#!/bin/sh
		# CRIU with its own loader and libraries; nothing of the system's libc is used.
		lib=$(dirname "$(readlink -f "$0")")/../lib
		exec "$lib/loader" --library-path "$lib" "$lib/criu" "$@"
	SH
	chmod 755 "$tree/bin/criu" "$tree/lib/loader" "$tree/lib/criu"
}

# keep_needed removes the libraries that the loader does not map for criu.
keep_needed() {
	local lib needed
	needed=$("$1/loader" --library-path "$1" --list "$1/criu" | awk '{print $1}')
	for lib in "$1"/*.so*; do
		grep -qx "$(basename "$lib")" <<<"$needed" || rm -f "$lib"
	done
}

# --- runtimes and servers ---------------------------------------------------

need_pypy() {
	have pypy3 || apt_install "PyPy 3" pypy3
	local module missing=
	for module in waitress networkx; do
		[ -e "/usr/lib/python3/dist-packages/$module" ] || missing="$missing python3-$module"
	done
	# shellcheck disable=SC2086
	[ -z "$missing" ] || apt_install "the benchmark functions' Python libraries" $missing
}

need_jvm() {
	local version=0
	if have javac && have java; then
		version=$(javac -version 2>&1 | sed -n 's/^javac \([0-9]*\).*/\1/p')
	fi
	[ "${version:-0}" -ge 17 ] || apt_install "a JDK" "$(jdk_package)"
}

jdk_package() {
	local version
	[ "$(id -u)" = 0 ] && quietly apt-get update -q
	for version in 17 21 25; do
		if apt-cache show "openjdk-$version-jdk-headless" >/dev/null 2>&1; then
			echo "openjdk-$version-jdk-headless"
			return
		fi
	done
	echo default-jdk-headless
}

# need_cc: Go's race detector is linked by a C compiler.
need_cc() {
	have gcc || have clang || apt_install "a C compiler" gcc libc6-dev
}

need_redis() {
	have redis-server && return
	# The tests start their own server on a free port: the package must not start one.
	local policy=/usr/sbin/policy-rc.d made=
	need_root redis-server
	if [ ! -e "$policy" ]; then
		printf '#!/bin/sh\nexit 101\n' >"$policy"
		chmod 755 "$policy"
		made=yes
	fi
	apt_install Redis redis-server
	[ -z "$made" ] || rm -f "$policy"
}

need_minio() {
	[ -x "$prefix/bin/minio" ] && [ "$(cat "$prefix/bin/minio.version" 2>/dev/null)" = "$minio_version" ] && return
	need_go
	say "building the MinIO server ($minio_version; some minutes, once)"
	mkdir -p "$prefix/bin"
	quietly env GOBIN="$prefix/bin" GOFLAGS= go install -trimpath -ldflags='-s -w' "github.com/minio/minio@$minio_version"
	echo "$minio_version" >"$prefix/bin/minio.version"
}

main() {
	local part
	[ $# -gt 0 ] || set -- run
	for part in "$@"; do
		case "$part" in
		run) main go criu pypy jvm ;;
		test) main go criu pypy jvm redis minio cc ;;
		go | criu | pypy | jvm | redis | minio | cc) "need_$part" ;;
		*) die "unknown part $part: run, test, go, criu, pypy, jvm, redis, minio, cc" ;;
		esac
	done
}

main "$@"
