# What one does here, in one word each. Every target first runs .ci/install, which takes no time when
# nothing is missing. Cargo does the work; a plain `cargo build` in this folder does the same as these.

SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
.PHONY: help install build demo test lint fmt bench

# cargo-nextest runs test binaries side by side and prints a clear summary; cargo test does where it is missing.
NEXTEST := $(shell cargo nextest --version >/dev/null 2>&1 && echo yes)
ifeq ($(NEXTEST),yes)
RUN_TESTS = cargo nextest run --no-fail-fast
else
RUN_TESTS = cargo test --no-fail-fast --all-targets
endif

# Filters, and the filter for Envoy, are workspaces of their own: what they are built for is not this machine.
TARGET := $(or $(CARGO_TARGET_DIR),target)
SDK := --manifest-path filters-sdk/Cargo.toml
ENVOY := --manifest-path loadtest/peers/envoy-wasm/Cargo.toml --target-dir $(TARGET)/bench/envoy-wasm
WASM := wasm32-unknown-unknown
HAS_WASM = [ -d "$$(rustc --print target-libdir --target $(WASM))" ]

help: ## this list
	@awk -F ':.*## ' '/^[a-z]+:.*## /{printf "  make %-11s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

install: ## install what is missing, or say what to install
	@.ci/install

# Both in one call, as loadtest/bench does: cargo would build shared dependencies twice for two.
build: install ## build the release binaries: switchyard and the load generator
	cargo build --release --locked -p switchyard -p switchyard-loadtest

demo: build ## show the main job on loopback; KEEP=1 leaves it running and prints the addresses
	$(TARGET)/release/switchyard demo $(if $(KEEP),--keep)

test: install ## every test of every workspace
	$(RUN_TESTS) --locked --workspace
	cargo test --locked --workspace --doc
	$(RUN_TESTS) --locked $(SDK) --workspace
	cargo test --locked $(SDK) --workspace --doc

lint: install ## format, clippy, walls, tidiness, licences, advisories
	cargo fmt --all --check
	cargo fmt $(SDK) --all --check
	cargo fmt --manifest-path loadtest/peers/envoy-wasm/Cargo.toml --check
	cargo clippy --locked --workspace --all-targets -- -D warnings
	cargo clippy --locked $(SDK) --workspace --all-targets -- -D warnings
	! $(HAS_WASM) || cargo clippy --locked $(SDK) --workspace --target $(WASM) -- -D warnings
	! $(HAS_WASM) || cargo clippy --locked $(ENVOY) --target $(WASM) -- -D warnings
	cargo test --locked --workspace --test house
	@.ci/advisories

fmt: ## format everything
	cargo fmt --all
	cargo fmt $(SDK) --all
	cargo fmt --manifest-path loadtest/peers/envoy-wasm/Cargo.toml

bench: install ## compare with the peers, swap under load, 30,000 in flight; writes loadtest/results
	@loadtest/bench
