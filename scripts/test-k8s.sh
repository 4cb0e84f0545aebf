#!/usr/bin/env bash
# Runs the end-to-end test on a real Kubernetes (`make e2e-k8s`): builds the
# cluster's programs if they are missing, takes the Docker engine of
# DOCKER_HOST if one answers, else one of our own, and ends what it started.
# Arguments go to go test.
#
# Environment:
#   PRONGHORN_KEEP  if set, the cluster stays, to look around in it
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

docker=${PRONGHORN_DOCKER:-$(PATH=/usr/bin:$PATH command -v docker || true)}
[ -n "$docker" ] || { echo 'test-k8s.sh: docker is missing: apt-get install docker.io' >&2; exit 1; }

scripts/k8s.sh build
if ! "$docker" version >/dev/null 2>&1; then
	scripts/dockerd.sh status || trap 'scripts/dockerd.sh stop' EXIT
	eval "$(scripts/dockerd.sh start)"
	export DOCKER_HOST
fi
PRONGHORN_REQUIRE=${PRONGHORN_REQUIRE:+$PRONGHORN_REQUIRE,}k8s
export PRONGHORN_REQUIRE
go test -count=1 -v -timeout 90m "$@" ./deploy/e2e
