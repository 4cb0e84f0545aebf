#!/usr/bin/env bash
# Builds every image that the end-to-end test runs, on the engine of
# DOCKER_HOST, and prints their names: what the manifests name, the benchmark
# functions bfs and simple-hash, and the counting functions of the tests in
# containers. Redis and MinIO are Debian's and the one that scripts/setup.sh
# builds, under the names that the manifests use.
#
#   deploy/e2e/images.sh
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."

docker=${PRONGHORN_DOCKER:-$(PATH=/usr/bin:$PATH command -v docker || true)}
prefix=${PRONGHORN_PREFIX:-/opt/pronghorn}
log=$(mktemp)
trap 'rm -f "$log"' EXIT
export DOCKER_BUILDKIT=1

quietly() {
	"$@" >"$log" 2>&1 </dev/null || {
		tail -30 "$log" >&2
		echo "images.sh: this failed: $*" >&2
		exit 1
	}
}

build() { quietly "$docker" build --network=host --tag "$@"; }

# named prints the images that the manifests name.
named() { "$prefix/kubernetes/bin/kubectl" kustomize deploy/kubernetes/default | sed -n 's/^ *image: *//p' | sort -u; }

manifest_images() {
	local image
	for image in $(named); do
		case "$image" in
		*/pronghorn:*) quietly deploy/images.sh ;;
		*redis:*) build "$image" --file deploy/e2e/redis.Dockerfile deploy/e2e ;;
		*minio:*)
			quietly scripts/setup.sh minio
			build "$image" --file deploy/e2e/minio.Dockerfile "$prefix/bin"
			;;
		*)
			echo "images.sh: no recipe for the image $image, which the manifests name" >&2
			exit 1
			;;
		esac
		echo "$image"
	done
}

# Built, deployed on the engine and asked once, as benchmarks/build.sh does.
benchmark_images() {
	quietly benchmarks/build.sh bfs simple-hash
	printf '%s\n' pronghorn/bfs:latest pronghorn/simple-hash:latest
}

counting_images() {
	local runtime tree
	tree=$(mktemp -d)
	for runtime in pypy java; do
		quietly deploy/assemble.sh "template/criu-$runtime" "deploy/containertest/testdata/$runtime" "$tree/$runtime"
		build "pronghorn-e2e/counter-$runtime:latest" "$tree/$runtime"
		echo "pronghorn-e2e/counter-$runtime:latest"
	done
	rm -rf "$tree"
}

manifest_images
benchmark_images
counting_images
