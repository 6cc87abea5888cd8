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

SDK := --manifest-path filters-sdk/Cargo.toml

help: ## this list
	@awk -F ':.*## ' '/^[a-z]+:.*## /{printf "  make %-11s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

install: ## install what is missing, or say what to install
	@.ci/install

build: install ## build the release binary: target/release/switchyard
	cargo build --release --locked -p switchyard

demo: build ## show the main job on loopback; KEEP=1 leaves it running and prints the addresses
	target/release/switchyard demo $(if $(KEEP),--keep)

test: install ## every test of every workspace
	$(RUN_TESTS) --locked --workspace
	cargo test --locked --workspace --doc
	$(RUN_TESTS) --locked $(SDK) --workspace
	cargo test --locked $(SDK) --workspace --doc

lint: install ## format, clippy, walls, tidiness, licences, advisories
	cargo fmt --all --check
	cargo fmt $(SDK) --all --check
	cargo clippy --locked --workspace --all-targets -- -D warnings
	cargo clippy --locked $(SDK) --workspace --all-targets -- -D warnings
	cargo test --locked -p switchyard --test house
	@.ci/advisories

fmt: ## format everything
	cargo fmt --all
	cargo fmt $(SDK) --all

bench: build ## compare with the peers, swap under load, 30,000 in flight; writes loadtest/results
	@loadtest/bench
