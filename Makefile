# `make demo` and `make test` do everything on a fresh machine with the Swift toolchain.

A ?= port-restricted
B ?= port-restricted
REPEAT ?= 50
LOSSY ?= 20
SPEED ?= 100
PARALLEL ?= 8
PRESETS ?= 100
CONFIGURATIONS ?= 100
DEBUG := swift build
RELEASE := swift build -c release --scratch-path .build-release
# One binary that needs nothing but glibc on the machine that it runs on, and starts in half the time. Darwin has Swift.
# The linker finds only the static form of GCC's C++ library in the first folder.
STATIC := $(CURDIR)/.build-release/static
ifeq ($(shell uname),Linux)
RELEASE += --static-swift-stdlib -Xlinker -L$(STATIC) -Xswiftc -Xclang-linker -Xswiftc -static-libgcc
endif
PROGRAMS := ip:iproute2 nft:nftables promtool:prometheus tshark:tshark turnserver:coturn haproxy:haproxy iperf3:iperf3 ping:iputils-ping nc:netcat-openbsd pgrep:procps openssl:openssl \
    tinyproxy:tinyproxy squid:squid microsocks:microsocks socat:socat python3:python3 aspell:aspell /usr/lib/aspell/en.multi:aspell-en \
    mandoc:mandoc strip:binutils dpkg-shlibdeps:dpkg-dev zsh:zsh fish:fish systemd-analyze:systemd
# Real peers in the lab have the machine to themselves, and the server's sockets, as those of searches that are counted, a process in which nobody starts
# programs that inherit them.
PEERS := BodkinExerciseTests
BUDGETS := BudgetTests|SecondRoundTests
SERVER := BodkinServerTests
# Some tests of the server measure its memory in a process of their own, which inherits the sockets of a server that ends beside them.
LIFE := BodkinServerTests.(LifeTests|InterceptionTests)
export SWIFT_BACKTRACE := enable=no
export PATH := $(PATH):/usr/sbin:/sbin

.PHONY: demo test release deb test-deb format docs bench matrix survival load rivals fuzz fuzz-coverage proto

# Two peers behind NATs of your choice: make demo A=cgn B=port-restricted-rst
demo:
	$(DEBUG) --product bodkin
	.build/debug/bodkin demo --a $(A) --b $(B)

test:
	scripts/packages $(PROGRAMS)
	scripts/prose
	swift format lint --strict --parallel --recursive Package.swift Sources Tests Examples
	swift build --build-tests
	scripts/api
	scripts/readme
	scripts/suites "everything else: --skip '$(PEERS)' --skip '$(SERVER)'" "server: --filter '$(SERVER)' --skip '$(LIFE)'" "a server's life: --filter '$(LIFE)'" \
	    "real peers: --filter '$(PEERS)' --skip '$(BUDGETS)'" "budgets: --filter '$(BUDGETS)'"

# The command without symbols in .build-release/dist, as bodkin-VERSION-linux-ARCHITECTURE.tar.gz with its checksum: the same bytes from the same commit and path.
release: .build-release/release/bodkin
	scripts/packages python3:python3 strip:binutils
	scripts/archive .build-release/release/bodkin .build-release/dist

# The Debian package of the same command.
deb: .build-release/release/bodkin
	scripts/packages python3:python3 strip:binutils dpkg-shlibdeps:dpkg-dev
	scripts/deb .build-release/release/bodkin .build-release/dist

# Lets lintian judge the package, and installs, uses, upgrades, removes and purges it in a fresh Debian system.
test-deb: deb
	scripts/packages lintian:lintian debootstrap:debootstrap ip:iproute2
	scripts/test-release .build-release/release/bodkin .build-release

.PHONY: .build-release/release/bodkin
.build-release/release/bodkin:
	mkdir -p $(STATIC)
	ln -sf "$$(clang -print-file-name=libstdc++.a)" $(STATIC)/libstdc++.a
	$(RELEASE) --product bodkin

format:
	swift format --in-place --parallel --recursive Package.swift Sources Tests Examples

docs:
	scripts/docs

# Figures of the lab and of the server under load; `bodkin-bench server` alone takes 5 000 peers.
bench:
	scripts/packages iperf3:iperf3 ping:iputils-ping
	$(RELEASE) --product bodkin-bench
	.build-release/release/bodkin-bench

# Every cell 50 times, 20 times with loss, the speed figures, and every pair of NATs that arithmetic judges 100 times: about four hours on two cores, and one
# without the pairs (PRESETS=0 CONFIGURATIONS=0). More than four labs a core would starve the searches for ports, which open a thousand connections at once.
# Writes docs/matrix.md, docs/matrix.html and docs/matrix.json.
matrix: .build-release/release/bodkin
	$(RELEASE) --product bodkin-matrix
	.build-release/release/bodkin-matrix --repeat $(REPEAT) --lossy $(LOSSY) --speed $(SPEED) --presets $(PRESETS) \
	    --configurations $(CONFIGURATIONS) --parallel $(PARALLEL) --bodkin .build-release/release/bodkin \
	    --json docs/matrix.json --markdown docs/matrix.md --html docs/matrix.html

# A gigabyte in each direction while the path is killed forty times, beside the same undisturbed: ten minutes.
survival:
	$(RELEASE) --product bodkin-bench
	.build-release/release/bodkin-bench survival

# Many circuits at once, goodput beside plain TLS, socat, iperf3 and coturn, and ten minutes of connects, deaths and closes.
load:
	scripts/packages iperf3:iperf3 socat:socat turnserver:coturn openssl:openssl
	$(RELEASE) --product bodkin-bench
	.build-release/release/bodkin-bench circuits
	-.build-release/release/bodkin-bench goodput
	.build-release/release/bodkin-bench circuits-goodput
	.build-release/release/bodkin-bench soak

# Bodkin beside warpgate and p2pd between the same NATs: ten minutes. pip brings them from PyPI into .build-rivals, and compiles one of the packages they need.
rivals:
	scripts/packages python3:python3 pip3:python3-pip python3-config:python3-dev gcc:gcc
	$(RELEASE) --product bodkin-bench
	.build-release/release/bodkin-bench rivals

fuzz:
	$(RELEASE) --product bodkin-fuzz
	.build-release/release/bodkin-fuzz 10000000

# How much of the broker, the protocols and the peer a million hostile inputs reach, by file.
fuzz-coverage:
	scripts/fuzz-coverage 1000000

# Regenerates the committed protobuf code.
proto:
	scripts/proto
