#!/usr/bin/env bash
# Builds the programs of a Kubernetes cluster from the Go module proxy into
# ${PRONGHORN_PREFIX:-/opt/pronghorn}/kubernetes/bin, each one that is not
# there yet: kube-apiserver, kube-controller-manager, kube-scheduler, kubelet,
# kube-proxy, kubectl, etcd and CoreDNS. A quarter of an hour on two busy cores.
# Called by scripts/k8s.sh build.
set -euo pipefail

kubernetes=v1.35.4
etcd=v3.6.13
coredns=v1.13.1
prefix=${PRONGHORN_PREFIX:-/opt/pronghorn}/kubernetes
components=(kubectl kube-apiserver kube-controller-manager kube-scheduler kubelet kube-proxy)
# Memory is cheaper here than the compiler's collecting it.
export CGO_ENABLED=0 GOWORK=off GOFLAGS='-mod=mod -p=2' GOGC=400

say() { printf 'k8s: %s\n' "$*" >&2; }
die() { say "$*"; exit 1; }

# built NAME VERSION: the program is there in that version.
built() {
	[ -x "$prefix/bin/$1" ] && [ "$(cat "$prefix/bin/$1.version" 2>/dev/null)" = "$2" ]
}

# compile NAME VERSION PACKAGE [LDFLAG…] builds in the current directory.
compile() {
	local name=$1 version=$2 package=$3 began=$SECONDS
	shift 3
	nice -n 5 go build -trimpath -ldflags "-s -w $*" -o "$prefix/bin/.$name" "$package"
	mv "$prefix/bin/.$name" "$prefix/bin/$name"
	echo "$version" >"$prefix/bin/$name.version"
	say "$name $version built in $((SECONDS - began)) s"
}

# kubernetes_source DIRECTORY: the published module, building against the
# published staging modules in place of the directories that only a checkout has.
kubernetes_source() {
	local module
	[ ! -e "$1/.ready" ] || return 0
	module=$(cd / && go mod download -json "k8s.io/kubernetes@$kubernetes" | sed -n 's/^\t"Dir": "\(.*\)",$/\1/p')
	[ -d "$module" ] || die "the Go module k8s.io/kubernetes $kubernetes could not be fetched"
	rm -rf "$1"
	cp -r "$module" "$1"
	chmod -R u+w "$1"
	rm -rf "$1/go.work" "$1/go.work.sum" "$1/vendor"
	sed -i -E "s#^(\s+)(k8s.io/[a-z-]+) => \./staging/src/k8s.io/[a-z-]+#\1\2 => \2 ${kubernetes/v1/v0}#" "$1/go.mod"
	touch "$1/.ready"
}

build_kubernetes() {
	local name source=$prefix/source missing=
	for name in "${components[@]}"; do
		built "$name" "$kubernetes" || missing=yes
	done
	[ -n "$missing" ] || return 0
	kubernetes_source "$source"
	cd "$source"
	for name in "${components[@]}"; do
		built "$name" "$kubernetes" ||
			compile "$name" "$kubernetes" "./cmd/$name" -X "k8s.io/component-base/version.gitVersion=$kubernetes"
	done
	cd /
	rm -rf "$source"
}

# build_module NAME VERSION MODULE compiles the main program that comes on
# standard input against that version of the module.
build_module() {
	local directory
	! built "$1" "$2" || return 0
	directory=$(mktemp -d)
	cat >"$directory/main.go"
	cd "$directory"
	printf 'module %s\n\ngo 1.24.0\n' "$1" >go.mod
	go get "$3@$2" 2>/dev/null || die "the Go module $3 $2 could not be fetched"
	compile "$1" "$2" .
	cd /
	rm -rf "$directory"
}

build_etcd() {
	build_module etcd "$etcd" go.etcd.io/etcd/server/v3 <<-'GO'
		package main

		import (
			"os"

			"go.etcd.io/etcd/server/v3/etcdmain"
		)

		func main() { etcdmain.Main(os.Args) }
	GO
}

# CoreDNS with the plugins that a cluster's name service needs; all of them
# would bring the libraries of every cloud.
build_coredns() {
	build_module coredns "$coredns" github.com/coredns/coredns <<-'GO'
		package main

		import (
			"github.com/coredns/coredns/coremain"
			_ "github.com/coredns/coredns/plugin/bind"
			_ "github.com/coredns/coredns/plugin/cache"
			_ "github.com/coredns/coredns/plugin/errors"
			_ "github.com/coredns/coredns/plugin/kubernetes"
			_ "github.com/coredns/coredns/plugin/ready"
		)

		func main() { coremain.Run() }
	GO
}

# build_pause makes the image of the process that holds a pod's namespaces, as
# an archive that containerd imports.
build_pause() {
	local directory layer
	[ ! -e "$prefix/pause.tar" ] || return 0
	directory=$(mktemp -d)
	cat >"$directory/pause.go" <<-'GO'
		package main

		import (
			"os"
			"os/signal"
			"syscall"
		)

		func main() {
			ends := make(chan os.Signal, 1)
			signal.Notify(ends, syscall.SIGINT, syscall.SIGTERM)
			<-ends
		}
	GO
	cd "$directory"
	go build -trimpath -ldflags '-s -w' pause.go
	tar -cf layer.tar --owner=0 --group=0 pause
	layer=$(sha256sum layer.tar | cut -d' ' -f1)
	printf '{"architecture":"%s","os":"linux","config":{"Entrypoint":["/pause"]},"rootfs":{"type":"layers","diff_ids":["sha256:%s"]}}' \
		"$(go env GOARCH)" "$layer" >config.json
	printf '[{"Config":"config.json","RepoTags":["localhost/pronghorn-pause:1"],"Layers":["layer.tar"]}]' >manifest.json
	tar -cf "$prefix/pause.tar" manifest.json config.json layer.tar
	cd /
	rm -rf "$directory"
}

command -v go >/dev/null || die 'Go is missing: install it and put it on the PATH'
mkdir -p "$prefix/bin"
build_kubernetes
build_etcd
build_coredns
build_pause
