# `make demo` and `make test` do everything on a fresh machine with the Swift toolchain.

A ?= port-restricted
B ?= port-restricted
REPEAT ?= 50
LOSSY ?= 20
SPEED ?= 100
DEBUG := swift build
RELEASE := swift build -c release --scratch-path .build-release
# One binary that needs no Swift on the machine it runs on, and starts in half the time. Darwin brings Swift along.
ifeq ($(shell uname),Linux)
RELEASE += --static-swift-stdlib
endif
PROGRAMS := ip:iproute2 nft:nftables tshark:tshark turnserver:coturn iperf3:iperf3 ping:iputils-ping nc:netcat-openbsd pgrep:procps openssl:openssl
# Real peers in the laboratory have the machine to themselves, and the server's sockets a process in which nobody starts programs that inherit them.
PEERS := BodkinExerciseTests
SERVER := BodkinServerTests
export SWIFT_BACKTRACE := enable=no
export PATH := $(PATH):/usr/sbin:/sbin

.PHONY: demo test release format docs bench matrix fuzz proto

# Two peers behind NATs of your choice: make demo A=cgn B=port-restricted-rst
demo:
	$(DEBUG) --product bodkin
	.build/debug/bodkin demo --a $(A) --b $(B)

test:
	scripts/packages $(PROGRAMS)
	swift format lint --strict --parallel --recursive Package.swift Sources Tests
	swift build --build-tests
	swift test --skip-build --skip '$(PEERS)' --skip '$(SERVER)'
	swift test --skip-build --filter '$(SERVER)'
	swift test --skip-build --filter '$(PEERS)'

release:
	$(RELEASE) --product bodkin
	@echo "The command is .build-release/release/bodkin"

format:
	swift format --in-place --parallel --recursive Package.swift Sources Tests

docs:
	scripts/docs

# Figures of the laboratory and of the server under load; `bodkin-bench server` alone takes 5 000 peers.
bench:
	scripts/packages iperf3:iperf3 ping:iputils-ping
	$(RELEASE) --product bodkin-bench
	.build-release/release/bodkin-bench

# Every cell 50 times, 20 times with loss, and the speed figures: about an hour. Writes docs/matrix.md and docs/matrix.json.
matrix: release
	$(RELEASE) --product bodkin-matrix
	.build-release/release/bodkin-matrix --repeat $(REPEAT) --lossy $(LOSSY) --speed $(SPEED) --bodkin .build-release/release/bodkin \
	    --json docs/matrix.json --markdown docs/matrix.md

fuzz:
	$(RELEASE) --product bodkin-fuzz
	.build-release/release/bodkin-fuzz 10000000

# Regenerates the committed protobuf code.
proto:
	scripts/proto
