# `make demo` and `make test` do everything on a fresh machine with the Swift toolchain.

A ?= port-restricted
B ?= port-restricted
DEBUG := swift build
RELEASE := swift build -c release --scratch-path .build-release
PROGRAMS := ip:iproute2 nft:nftables tshark:tshark turnserver:coturn iperf3:iperf3 ping:iputils-ping nc:netcat-openbsd pgrep:procps
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
	swift test --skip-build

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

matrix: release
	.build-release/release/bodkin lab matrix --json matrix.json --html matrix.html

fuzz:
	$(RELEASE) --product bodkin-fuzz
	.build-release/release/bodkin-fuzz 10000000

# Regenerates the committed protobuf code.
proto:
	scripts/proto
