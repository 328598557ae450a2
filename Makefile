# spanward: build, demonstrate, test. `make` alone lists the targets.
SHELL := /bin/bash
.DEFAULT_GOAL := help
CARGO ?= cargo
MSRV := $(shell sed -n 's/^rust-version = "\(.*\)"/\1/p' Cargo.toml)
SUDO := $(shell [ "$$(id -u)" = 0 ] || command -v sudo)

.PHONY: help
help: ## this list
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):[^#]*## */  make \1	/' | expand -t 20

.PHONY: toolchain
toolchain:
	@command -v $(CARGO) >/dev/null || { echo "cargo is not installed: get a Rust toolchain $(MSRV) or newer (https://rustup.rs), then try again." >&2; exit 1; }
	@have=$$(rustc --version | sed -E 's/^rustc ([0-9]+\.[0-9]+).*/\1/'); \
	  [ "$$(printf '%s\n' "$(MSRV)" "$$have" | sort -V | head -n 1)" = "$(MSRV)" ] || \
	  { echo "spanward needs rustc $(MSRV) or newer, this is $$have: run 'rustup update stable', then try again." >&2; exit 1; }

.PHONY: headers
headers:
	@if [ ! -e /usr/include/pcap/pcap.h ] || ! command -v cc >/dev/null; then \
	  command -v apt-get >/dev/null || { echo "the libpcap headers and a C compiler are missing: install libpcap-dev (or libpcap-devel) and gcc." >&2; exit 1; }; \
	  echo "installing libpcap-dev and gcc"; \
	  $(SUDO) apt-get update -qq && DEBIAN_FRONTEND=noninteractive $(SUDO) apt-get install -y -qq libpcap-dev gcc libc6-dev >/dev/null; fi

.PHONY: build
build: toolchain headers ## the release binary, target/release/spanward
	$(CARGO) build --release --locked

.PHONY: demo
demo: build ## build, then replay the shipped hospital incident
	@echo
	target/release/spanward replay captures/demo/incident.pcap --site captures/demo/site.toml

.PHONY: test
test: toolchain headers ## everything that must pass
	$(CARGO) test --locked

.PHONY: test-all
test-all: toolchain headers ## the same with the whole corpora instead of a seeded sample
	SPANWARD_TEST_ALL=1 $(CARGO) test --locked

# `dev` is what the tests have built already; `quick` and `release` are faster
LIVE_PROFILE ?= quick

.PHONY: test-live
test-live: toolchain headers ## the sensor on a mirror port, in a clinic of network namespaces (root; LIVE="SCENE ..." or options)
	@$(SUDO) python3 tests/bed/live.py --possible || exit 0; tests/bed/install.sh && \
	  $(CARGO) build --locked --profile $(LIVE_PROFILE) --bin spanward && \
	  $(SUDO) python3 tests/bed/live.py --binary "$${CARGO_TARGET_DIR:-target}/$(if $(filter dev,$(LIVE_PROFILE)),debug,$(LIVE_PROFILE))/spanward" $(LIVE)

.PHONY: lint
lint: toolchain headers ## fmt, clippy, docs, licences
	$(CARGO) fmt --check
	$(CARGO) clippy --locked --all-targets -- -D warnings
	RUSTDOCFLAGS="-D warnings" $(CARGO) doc --locked --no-deps --document-private-items
	@command -v cargo-deny >/dev/null || $(CARGO) install --locked cargo-deny
	$(CARGO) deny check bans licenses sources

.PHONY: bench
bench: build ## compare with the peers found on this machine; writes a row to docs/bench/
	benches/peers.sh

.PHONY: fuzz
fuzz: toolchain headers ## every fuzz target for FUZZ_SECONDS (60); needs a C++ compiler
	tests/fuzz/run.sh $${FUZZ_SECONDS:-60}
