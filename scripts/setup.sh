#!/usr/bin/env bash
# Sets up what Pronghorn runs on: Go, CRIU, PyPy, a JDK and, for the tests and
# the evaluation, servers and libraries. Idempotent; with nothing missing it
# takes a fraction of a second.
#
#   scripts/setup.sh run     what ./run.sh basic needs (go, criu, pypy, jvm)
#   scripts/setup.sh suite-pypy, suite-jvm
#                            that, and what all functions of a language need
#   scripts/setup.sh suite   what all functions need
#   scripts/setup.sh test    that, and what the tests need (curl, node, redis, prometheus, cc, shellcheck)
#   scripts/setup.sh NAME…   single parts: go criu pypy jvm curl node redis prometheus minio cc
#                            libraries ffmpeg pillow mustache shellcheck iptables
#
# Environment:
#   PRONGHORN_PREFIX         where CRIU, MinIO, Pillow are kept (/opt/pronghorn)
#   PRONGHORN_DEBIAN_MIRROR  the Debian mirror CRIU and Pillow come from (http://deb.debian.org/debian)
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

# apt_state WORK ARCH deb|deb-src RELEASE makes WORK/apt.conf, a state of apt of
# its own with the lists of a Debian release; the system's stay as they are.
apt_state() {
	local work=$1 arch=$2 kind=$3 release=$4 keyring=/usr/share/keyrings/debian-archive-keyring.gpg
	[ -r "$keyring" ] || apt_install "Debian's archive keys" debian-archive-keyring
	mkdir -p "$work"/{lists/partial,cache/archives/partial,etc}
	: >"$work/status"
	echo "$kind [arch=$arch signed-by=$keyring] $mirror $release main" >"$work/sources.list"
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
			[ "$candidate" != "$criu_tree/bin/criu" ] || lean_criu
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
	lean_criu
}

# lean_criu adds what lets the watchdog start CRIU without libraries that it does
# not need. Without it everything works, and takes longer.
lean_criu() {
	[ ! -d "$criu_tree/lib/lean" ] || return 0
	if ! have go || [ ! -w "$criu_tree/lib" ] || ! (cd "$here/.." && go run ./deploy/criu-lean "$criu_tree"); then
		say "CRIU stays with all its libraries, which costs each start and checkpoint some ms: go run ./deploy/criu-lean $criu_tree"
	fi
}

# fetch_criu ARCH TRIPLET LOADER puts Debian forky's CRIU with every library it
# needs, libc included, under one prefix. apt works on a state of its own, so
# the system's package lists, packages and libc stay as they are.
fetch_criu() {
	local arch=$1 triplet=$2 loader=$3 work tree
	say "fetching CRIU from Debian forky into $criu_tree"
	work=$(mktemp -d)
	apt_state "$work" "$arch" deb forky
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

need_curl() {
	have curl || apt_install curl curl
}

need_node() {
	have node || apt_install Node.js nodejs
}

# need_cc: Go's race detector is linked by a C compiler.
need_cc() {
	have gcc || have clang || apt_install "a C compiler" gcc libc6-dev
}

# need_iptables: CRIU locks the network by it, unless it is told not to, as the
# reference of the snapshot benchmark does not.
need_iptables() {
	have iptables-restore || apt_install iptables iptables
}

need_shellcheck() {
	have shellcheck || apt_install shellcheck shellcheck
}

# apt_install_stopped WHAT PACKAGE… installs servers that the tests start
# themselves, on free ports: the packages must not start any.
apt_install_stopped() {
	local policy=/usr/sbin/policy-rc.d made=
	need_root "$1"
	if [ ! -e "$policy" ]; then
		printf '#!/bin/sh\nexit 101\n' >"$policy"
		chmod 755 "$policy"
		made=yes
	fi
	apt_install "$@"
	[ -z "$made" ] || rm -f "$policy"
}

need_redis() {
	have redis-server || apt_install_stopped Redis redis-server
}

# need_prometheus: the dashboard's queries and the rules are tried on a real one.
need_prometheus() {
	have prometheus && have promtool && return
	apt_install_stopped Prometheus prometheus
}

need_minio() {
	[ -x "$prefix/bin/minio" ] && [ "$(cat "$prefix/bin/minio.version" 2>/dev/null)" = "$minio_version" ] && return
	need_go
	say "building the MinIO server ($minio_version; some minutes, once)"
	mkdir -p "$prefix/bin"
	quietly env GOBIN="$prefix/bin" GOFLAGS= go install -trimpath -ldflags='-s -w' "github.com/minio/minio@$minio_version"
	echo "$minio_version" >"$prefix/bin/minio.version"
}

# --- what the benchmark functions need ---------------------------------------

pillow_version=9.4.0

# need_libraries: Jinja2 for dynamic-html, boto3 for the functions that talk to
# S3, LAPACK for pagerank. PyPy finds the distribution's packages of pure
# Python. No numpy: there is none for PyPy, and networkx would try to load
# CPython's in each call.
need_libraries() {
	local module missing=
	for module in jinja2 boto3; do
		pypy_has "importlib.util.find_spec('$module')" || missing="$missing python3-$module"
	done
	pypy_has "ctypes.CDLL('libopenblas.so.0')" || missing="$missing libopenblas0-pthread"
	# shellcheck disable=SC2086
	[ -z "$missing" ] || apt_install "the benchmark functions' libraries" $missing
}

pypy_has() { # pypy_has EXPRESSION
	pypy3 -c "import ctypes, importlib.util, sys; sys.exit(not $1)" 2>/dev/null
}

need_ffmpeg() {
	{ have ffmpeg && have ffprobe; } || apt_install ffmpeg ffmpeg
}

# need_pillow builds Pillow for PyPy: the distribution's is for CPython only.
# Debian 12's source package is used everywhere, so that all measure the same.
need_pillow() {
	local stamp=$prefix/pypy/pillow.version key
	need_pypy
	pypy_has "importlib.import_module('PIL._imaging')" && return
	key="$pillow_version for $(pypy3 -c 'import sys; print(sys.version)' | tr '\n' ' ')"
	[ "$(cat "$stamp" 2>/dev/null)" = "$key" ] && return
	need_cc
	[ -e /usr/include/jpeglib.h ] && [ -e /usr/include/zlib.h ] ||
		apt_install 'headers of image libraries' libjpeg-dev zlib1g-dev
	[ "$(dpkg-query -W -f '${db:Status-Abbrev}' pypy3-dev 2>/dev/null)" = 'ii ' ] || apt_install 'the headers of PyPy' pypy3-dev
	[ -d /usr/lib/python3/dist-packages/setuptools ] || apt_install setuptools python3-setuptools
	have xz || apt_install xz xz-utils
	say "building Pillow $pillow_version for PyPy into $prefix/pypy"
	build_pillow
	pypy3 -c "import sys; sys.path.insert(0, '$prefix/pypy'); from PIL import Image; Image.core.jpeg_encoder" ||
		die "Pillow $pillow_version was built, but does not work with this PyPy"
	echo "$key" >"$stamp"
}

build_pillow() {
	local work triplet
	work=$(mktemp -d)
	triplet=$(gcc -print-multiarch)
	apt_state "$work" "$(dpkg --print-architecture)" deb-src bookworm
	(cd "$work" && quietly env APT_CONFIG="$work/apt.conf" apt-get source -q --download-only pillow)
	ls "$work/pillow_$pillow_version.orig.tar."?z >/dev/null ||
		die "Debian 12's Pillow is not $pillow_version any more: adapt pillow_version"
	mkdir "$work/source"
	tar -C "$work/source" --strip-components=1 -xf "$work/pillow_$pillow_version.orig.tar."?z
	(
		cd "$work/source"
		quietly env PYTHONPATH=/usr/lib/python3/dist-packages CPATH="/usr/include:/usr/include/$triplet" \
			LIBRARY_PATH="/usr/lib/$triplet" pypy3 setup.py -q build_ext \
			--disable-platform-guessing --disable-{tiff,webp,webpmux,lcms,jpeg2000,imagequant,xcb,freetype} \
			build --build-lib "$work/built"
	)
	mkdir -p "$prefix/pypy"
	rm -rf "$prefix/pypy/PIL"
	mv "$work/built/PIL" "$prefix/pypy/PIL"
	rm -rf "$work"
}

# need_mustache: the library's jar alone; the package depends on half of Maven.
need_mustache() {
	local jar=mustache-compiler.jar work
	[ -e "$prefix/java/$jar" ] || [ -e "/usr/share/java/$jar" ] && return
	need_root mustache.java
	say "fetching mustache.java into $prefix/java"
	work=$(mktemp -d)
	chmod 755 "$work" # for apt's own user
	[ -n "$apt_fresh" ] || quietly apt-get update -q
	apt_fresh=yes
	(cd "$work" && quietly apt-get download -q libmustache-java)
	quietly dpkg-deb -x "$work"/libmustache-java_*.deb "$work/tree"
	mkdir -p "$prefix/java"
	cp -L "$work/tree/usr/share/java/$jar" "$prefix/java/$jar.new"
	mv "$prefix/java/$jar.new" "$prefix/java/$jar"
	rm -rf "$work"
}

main() {
	local part
	[ $# -gt 0 ] || set -- run
	for part in "$@"; do
		case "$part" in
		run) main go criu pypy jvm ;;
		suite-pypy) main go criu pypy libraries ffmpeg pillow minio ;;
		suite-jvm) main go criu jvm mustache ;;
		suite) main suite-pypy suite-jvm ;;
		test) main run suite curl node redis prometheus cc shellcheck ;;
		go | criu | pypy | jvm | curl | node | redis | prometheus | minio | cc | libraries | ffmpeg | pillow | mustache | shellcheck | iptables) "need_$part" ;;
		*) die "unknown part $part: run, suite, suite-pypy, suite-jvm, test, go, criu, pypy, jvm, curl, node, redis, prometheus, minio, cc, libraries, ffmpeg, pillow, mustache, shellcheck, iptables" ;;
		esac
	done
}

main "$@"
