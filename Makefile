# make            build bin/pronghorn and bin/fwatchdog
# make test       everything that CI runs: sets up what is missing, checks, tests
# make unit       the tests that run anywhere, with the race detector (1 to 3 min)
# make integration  the tests against real CRIU, PyPy, JVM, Redis and MinIO
# make containers the tests in real containers: templates, images, privileges (15 min at first, then 3; Docker)
# make e2e-k8s    everything on a real single-node Kubernetes that it builds first (Docker)
# make images     the image that functions' images copy from, on the local engine
# make fuzz       every fuzz target for FUZZTIME (10s)
# make soak       100,000 requests with evictions and checkpoints going on (SOAK=N)
# make generations  100 generations of restore, requests, checkpoint on PyPy, half as many on the JVM (GENERATIONS=N)
# make bench      Go benchmarks
# make bench-proxy  the watchdog beside upstream's (UPSTREAM_WATCHDOG=path) or a stand-in
# make bench-snapshot  checkpoints and starts beside the published artifact's way (N=12; 10 minutes)
# make format     gofmt

GO       ?= go
FUZZTIME ?= 10s
SOAK     ?= 100000
N        ?= 12
GENERATIONS ?= 100
LDFLAGS  := -s -w

# What the tests must find; a component that is missing then fails them.
PRONGHORN_REQUIRE ?= root,criu,pypy,jvm,curl,node,redis,prometheus,minio,libraries,ffmpeg,pillow,mustache,shellcheck
export PRONGHORN_REQUIRE

.PHONY: build setup test check unit integration functions containers e2e-k8s images fuzz soak generations bench bench-proxy bench-snapshot format clean

build:
	CGO_ENABLED=0 $(GO) build -trimpath -ldflags '$(LDFLAGS)' -o bin/pronghorn ./cmd/pronghorn
	CGO_ENABLED=0 $(GO) build -trimpath -ldflags '$(LDFLAGS)' -o bin/fwatchdog ./watchdog/fwatchdog

setup:
	scripts/setup.sh test

test: setup build check unit functions integration

check:
	@unformatted=$$(gofmt -l $$(git ls-files '*.go')); \
	if [ -n "$$unformatted" ]; then echo "not formatted, run make format:"; echo "$$unformatted"; exit 1; fi
	$(GO) vet ./...

unit:
	PRONGHORN_REQUIRE= $(GO) test -race -short ./...

# One package at a time: two would share the CPUs that the functions run on.
integration:
	$(GO) test -count=1 -p 1 -timeout 25m ./...

# The benchmark functions and their servers, in their own languages.
functions:
	benchmarks/test-functions.sh

# Not part of make test: they need a container engine and build its images.
containers:
	scripts/test-containers.sh

# Nor is this: the cluster's programs take a quarter of an hour to build.
e2e-k8s: build
	scripts/test-k8s.sh

images:
	deploy/images.sh

fuzz:
	@for package in $$($(GO) list ./...); do \
		for target in $$($(GO) test -list '^Fuzz' $$package | grep '^Fuzz'); do \
			echo "$$package $$target"; \
			$(GO) test -run '^$$' -fuzz "^$$target$$" -fuzztime $(FUZZTIME) $$package || exit 1; \
		done; \
	done

# What a soak that was interrupted left, up to 13 GB, goes with the next one.
soak:
	rm -rf data/soak
	mkdir -p data/soak
	TMPDIR=$(CURDIR)/data/soak PRONGHORN_SOAK=$(SOAK) $(GO) test -count=1 -run '^TestSoak$$' -v -timeout 60m ./watchdog

generations:
	PRONGHORN_GENERATIONS=$(GENERATIONS) $(GO) test -count=1 -run '^TestManyGenerations' -v -timeout 60m ./watchdog/faults

bench:
	$(GO) test -run '^$$' -bench . -benchmem ./...

bench-proxy: build
	CGO_ENABLED=0 $(GO) build -trimpath -ldflags '$(LDFLAGS)' -o bin/proxy-stand-in ./benchmarks/proxy/standin
	$(GO) run ./benchmarks/proxy

bench-snapshot: build
	scripts/setup.sh run minio iptables
	$(GO) build -o bin/bench-snapshot ./benchmarks/snapshot
	bin/bench-snapshot -n $(N)

format:
	gofmt -w $$(git ls-files '*.go')

clean:
	rm -rf bin data
