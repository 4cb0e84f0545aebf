#!/usr/bin/env bash
# Makes the image that function images copy from, on the engine of DOCKER_HOST.
# Base images are pulled, or made here where no registry can be reached.
#
#   deploy/images.sh [--if-missing]
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

image=${PRONGHORN_IMAGE:-ghcr.io/pronghorn-faas/pronghorn:latest}
docker=${PRONGHORN_DOCKER:-$(PATH=/usr/bin:$PATH command -v docker || true)}
export DOCKER_BUILDKIT=1

has_image() { "$docker" image inspect "$1" >/dev/null 2>&1; }

if [ "${1:-}" = --if-missing ] && has_image "$image"; then
	exit
fi
for base in debian:forky-slim golang:1.26-trixie; do
	has_image "$base" || timeout 120 "$docker" pull --quiet "$base" >/dev/null 2>&1 || deploy/base-images.sh "$base"
done
exec "$docker" build --network=host --tag "$image" ${GOPROXY:+--build-arg GOPROXY="$GOPROXY"} .
