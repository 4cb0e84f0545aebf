#!/usr/bin/env bash
# Runs the tests in real containers (`make containers`), on the engine of
# DOCKER_HOST if one answers, else on one of our own, which ends with the tests;
# its images stay for the next time. Arguments go to go test.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

docker=${PRONGHORN_DOCKER:-$(PATH=/usr/bin:$PATH command -v docker || true)}
[ -n "$docker" ] || { echo 'test-containers.sh: docker is missing: apt-get install docker.io' >&2; exit 1; }

if ! "$docker" version >/dev/null 2>&1; then
	scripts/dockerd.sh status || trap 'scripts/dockerd.sh stop' EXIT
	eval "$(scripts/dockerd.sh start)"
	export DOCKER_HOST
fi
deploy/images.sh
PRONGHORN_REQUIRE=${PRONGHORN_REQUIRE:+$PRONGHORN_REQUIRE,}docker
export PRONGHORN_REQUIRE
go test -count=1 -v -timeout 60m "$@" ./deploy/containertest
