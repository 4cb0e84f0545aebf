# The image of Pronghorn. It is two things at once:
#
#   - the services: docker run IMAGE agent … | kv … (see docs/agent-api.md)
#   - what a function's image copies, one directory that needs nothing of the
#     function's own base image:
#         COPY --from=IMAGE /opt/pronghorn /opt/pronghorn
#
# DOCKER_BUILDKIT=1 docker build -t ghcr.io/pronghorn-faas/pronghorn .
ARG GO_IMAGE=golang:1.26-trixie
ARG DEBIAN_IMAGE=debian:forky-slim

FROM ${GO_IMAGE} AS build
ARG GOPROXY
WORKDIR /src
COPY go.mod go.sum ./
RUN --mount=type=cache,target=/go/pkg/mod go mod download
COPY . .
RUN --mount=type=cache,target=/go/pkg/mod --mount=type=cache,target=/root/.cache/go-build \
	mkdir /out && CGO_ENABLED=0 go build -trimpath -buildvcs=false -ldflags='-s -w' -o /out/ ./watchdog/fwatchdog ./cmd/pronghorn ./deploy/criu-lean

FROM ${DEBIAN_IMAGE} AS criu
RUN apt-get update \
	&& apt-get install -y --no-install-recommends criu ca-certificates \
	&& rm -rf /var/lib/apt/lists/*
COPY deploy/criu-layer.sh /usr/local/bin/
RUN criu-layer.sh /opt/pronghorn/criu
COPY --from=build /out/criu-lean /usr/local/bin/
RUN criu-lean /opt/pronghorn/criu

FROM ${DEBIAN_IMAGE} AS preload
RUN apt-get update \
	&& apt-get install -y --no-install-recommends gcc libc6-dev \
	&& rm -rf /var/lib/apt/lists/*
COPY deploy/no-io-uring.c .
RUN gcc -shared -fPIC -nostdlib -O2 -Wall -Wextra -Werror -o /no-io-uring.so no-io-uring.c

FROM scratch
COPY --from=criu /etc/ssl/certs/ca-certificates.crt /etc/ssl/certs/
COPY --from=criu /opt/pronghorn /opt/pronghorn
COPY --from=preload /no-io-uring.so /opt/pronghorn/lib/
COPY --from=build /out/fwatchdog /opt/pronghorn/bin/
COPY --from=build /out/pronghorn /usr/bin/
# CRIU, which pronghorn doctor tries here, wants a /tmp.
WORKDIR /tmp
WORKDIR /
ENTRYPOINT ["/usr/bin/pronghorn"]
