#!/usr/bin/env bash
# Makes the public base images of our Dockerfiles from Debian packages, under
# the same tags, for an engine that reaches no registry. Idempotent: a tag that
# the engine has is left as it is.
#
#   deploy/base-images.sh            all of them
#   deploy/base-images.sh IMAGE…     debian:forky-slim golang:1.26-trixie
#
# debian:forky-slim is a minimal Debian forky. golang:1.26-trixie is the same
# with the Go of this machine in /usr/local/go. Both trust the certificate
# authorities that this machine was given (/usr/local/share/ca-certificates).
#
# Environment:
#   DOCKER_HOST              the engine
#   PRONGHORN_DEBIAN_MIRROR  the Debian mirror (http://deb.debian.org/debian)
set -euo pipefail

mirror=${PRONGHORN_DEBIAN_MIRROR:-http://deb.debian.org/debian}
docker=${PRONGHORN_DOCKER:-$(PATH=/usr/bin:$PATH command -v docker || true)}
work=

say() { printf 'base-images.sh: %s\n' "$*" >&2; }
die() { say "$*"; exit 1; }
has_image() { "$docker" image inspect "$1" >/dev/null 2>&1; }
cleanup() { [ -z "$work" ] || rm -rf "$work"; }
trap cleanup EXIT

need() { # need COMMAND PACKAGE
	command -v "$1" >/dev/null || die "$1 is missing: apt-get install $2"
}

# tree NAME PACKAGES bootstraps Debian forky into $work/NAME. Old debootstraps
# do not know forky; its script is that of sid.
tree() {
	local log=$work/$1.log
	say "debootstrap of Debian forky${2:+ with $2} (half a minute or more)"
	debootstrap --variant=minbase ${2:+--include="$2"} forky "$work/$1" "$mirror" \
		/usr/share/debootstrap/scripts/sid >"$log" 2>&1 || {
		tail -5 "$log" >&2
		die 'debootstrap failed'
	}
	add_authorities "$work/$1"
	like_the_public_one "$work/$1"
	# A mirror that is not renewed any more is as good a source.
	echo 'Acquire::Check-Valid-Until "false";' >"$work/$1/etc/apt/apt.conf.d/90mirror"
	rm -rf "$work/$1"/var/{cache/apt,lib/apt/lists,log}/* "$work/$1"/usr/share/{doc,man,locale}/*
}

# like_the_public_one TREE: no package archives, manuals and translations are kept.
like_the_public_one() {
	echo 'DPkg::Post-Invoke { "rm -f /var/cache/apt/archives/*.deb /var/cache/apt/*.bin"; };' >"$1/etc/apt/apt.conf.d/docker-clean"
	printf 'path-exclude /usr/share/%s/*\n' doc man info locale >"$1/etc/dpkg/dpkg.cfg.d/docker"
	echo 'path-include /usr/share/doc/*/copyright' >>"$1/etc/dpkg/dpkg.cfg.d/docker"
}

# Packages installed later (ca-certificates) pick these up by themselves.
add_authorities() {
	local from=/usr/local/share/ca-certificates
	[ -n "$(ls -A "$from" 2>/dev/null)" ] || return 0
	mkdir -p "$1$from"
	cp "$from"/*.crt "$1$from/"
	[ ! -x "$1/usr/sbin/update-ca-certificates" ] || chroot "$1" update-ca-certificates >/dev/null 2>&1
}

import() { # import NAME TAG OPTIONS…
	local name=$1 tag=$2
	shift 2
	tar -C "$work/$name" --numeric-owner --exclude='./dev/*' --exclude='./proc/*' --exclude='./sys/*' -c . |
		"$docker" import "$@" - "$tag" >/dev/null
	say "made $tag"
}

make_debian() {
	tree debian ''
	import debian "$1" --change 'CMD ["bash"]'
}

make_golang() {
	local root
	need go golang
	tree golang ca-certificates
	root=$(go env GOROOT)
	mkdir -p "$work/golang/usr/local/go" "$work/golang/go"
	tar -C "$root" --exclude=./test -c . | tar -C "$work/golang/usr/local/go" -x
	import golang "$1" --change 'ENV GOPATH=/go GOTOOLCHAIN=local PATH=/go/bin:/usr/local/go/bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin' \
		--change 'WORKDIR /go'
}

main() {
	local image
	[ -n "$docker" ] || die 'docker is missing: apt-get install docker.io'
	"$docker" version >/dev/null 2>&1 || die "no Docker engine answers: eval \"\$(scripts/dockerd.sh start)\"; export DOCKER_HOST"
	[ $# -gt 0 ] || set -- debian:forky-slim golang:1.26-trixie
	for image in "$@"; do
		has_image "$image" && continue
		need debootstrap debootstrap
		[ "$(id -u)" = 0 ] || die 'debootstrap needs root'
		[ -n "$work" ] || work=$(mktemp -d)
		case "$image" in
		debian:forky-slim) make_debian "$image" ;;
		golang:*) make_golang "$image" ;;
		*) die "no recipe for $image: debian:forky-slim golang:1.26-trixie" ;;
		esac
	done
}

main "$@"
