# The commands of this repository; `make` without a target lists them.

.DEFAULT_GOAL := help
.PHONY: help run install test test-all deploy-checks test-otlp test-servers lint doc openapi bench faults model ci

# Servers to test on in addition to Debian's; ./scripts/ensure-servers.sh installs them.
SERVERS := valkey-9.1.2 redis-8.2.3
# Name filters of the tests that start a Redis.
ON_SERVERS := redis servers:: conformance::cluster conformance::sentinel faults::

help: ## List these commands
	@grep -E '^[a-z-]+:.*## ' $(firstword $(MAKEFILE_LIST)) | sed -E 's/^([a-z-]+):.*## (.*)$$/  make \1	\2/'

run: ## Build and serve on 127.0.0.1:8000
	cargo run --release --locked

# Paths of `make install`; DESTDIR is a staging directory for package builders.
PREFIX ?= /usr/local
SYSCONFDIR ?= /etc
DESTDIR ?=
PROGRAM ?= target/dist/userd

install: ## Install the program, manual pages, completions and the systemd unit (PREFIX, SYSCONFDIR, DESTDIR)
	./scripts/install.sh "$(PROGRAM)" "$(DESTDIR)" "$(PREFIX)" "$(SYSCONFDIR)"

test: ## Run the product's tests: unit tests, tests/it, doc tests; installs redis-server if it is missing
	./scripts/ensure-programs.sh redis-server
	@if cargo nextest --version >/dev/null 2>&1; then \
		echo "cargo nextest run" && cargo nextest run --workspace --locked --no-fail-fast --lib --bins --test it; \
	else \
		echo "cargo test" && cargo test --workspace --locked --no-fail-fast --lib --bins --test it; \
	fi
	cargo test --workspace --locked --doc

test-all: test deploy-checks ## Run the product's tests, then the checks of deployment files and pages

deploy-checks: ## Check deployment files and pages, also with independent programs, which it installs
	./scripts/ensure-programs.sh redis-server curl groff systemd-analyze nginx haproxy caddy
	./scripts/ensure-verifiers.sh
	./scripts/ensure-package-checks.sh
	@if cargo nextest --version >/dev/null 2>&1; then \
		echo "cargo nextest run" && cargo nextest run --workspace --locked --no-fail-fast --test deploy-checks; \
	else \
		echo "cargo test" && cargo test --workspace --locked --no-fail-fast --test deploy-checks; \
	fi

test-servers: $(SERVERS:%=test-on-%) ## Run the Redis tests on a current Valkey and a current Redis

test-on-%:
	./scripts/ensure-programs.sh redis-server
	./scripts/ensure-verifiers.sh
	@server=$$(./scripts/ensure-servers.sh $*) && export USERD_TEST_REDIS_SERVER="$$server" && \
	if cargo nextest --version >/dev/null 2>&1; then \
		echo "cargo nextest run, on $*" && cargo nextest run --workspace --locked --no-fail-fast --test it --test deploy-checks $(ON_SERVERS); \
	else \
		echo "cargo test, on $*" && cargo test --workspace --locked --no-fail-fast --test it --test deploy-checks -- $(ON_SERVERS); \
	fi

test-otlp: ## Run the test of traces, with the feature otlp
	cargo test --locked --package userd --features otlp --test it otlp::

lint: ## Check formatting and lints
	cargo fmt --check
	cargo clippy --workspace --locked --all-targets --all-features -- -D warnings

doc: ## Build the Rust documentation, private items included
	RUSTDOCFLAGS="-D warnings" cargo doc --workspace --locked --no-deps --document-private-items

openapi: ## Regenerate docs/openapi.json from the program
	USERD_TEST_WRITE_OPENAPI=1 cargo test --locked --test it the_committed_description

bench: ## Measure the published figures again (some minutes, on an idle machine)
	./scripts/ensure-programs.sh redis-server wrk
	cargo build --profile dist --locked --package userd --bin userd --examples
	./target/dist/examples/bench

# Duration of the main storm of `make faults` in seconds, and the random seed.
SECONDS ?= 600
SEED ?= 20261124

faults: ## Run the long fault tests (SECONDS=600 SEED=n) and update docs/faults.md
	./scripts/ensure-programs.sh redis-server
	./scripts/faults.sh $(SECONDS) $(SEED)

# What to explore: --long for the larger cases as well, --trace for the moves that lead to each violation, or names.
MODEL ?=

model: ## Explore the model of the protocols between shards (MODEL="--long", or names of cases)
	cargo run --release --locked --package userd-model --bin model -- $(MODEL)

ci: ## Run what CI runs
	./.ci/run
