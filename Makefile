# The commands of this repository. `make` alone lists them.

.DEFAULT_GOAL := help
.PHONY: help run install test test-otlp test-servers lint doc openapi bench faults ci

# The servers that tests run on besides Debian's: ./scripts/ensure-servers.sh knows them.
SERVERS := valkey-9.1.2 redis-8.2.3
# What the names of tests have in them that start a Redis.
ON_SERVERS := redis servers:: contract::cluster contract::sentinel faults::

help: ## List these commands
	@grep -E '^[a-z-]+:.*## ' $(firstword $(MAKEFILE_LIST)) | sed -E 's/^([a-z-]+):.*## (.*)$$/  make \1	\2/'

run: ## Build and serve on 127.0.0.1:8000
	cargo run --release --locked

# Where `make install` puts things; DESTDIR is a folder that stands for the root, for those who make packages.
PREFIX ?= /usr/local
SYSCONFDIR ?= /etc
DESTDIR ?=
PROGRAM ?= target/release/userd

install: ## Put the program, manual pages, completions and the systemd unit in place (PREFIX, SYSCONFDIR, DESTDIR)
	./scripts/install.sh "$(PROGRAM)" "$(DESTDIR)" "$(PREFIX)" "$(SYSCONFDIR)"

test: ## Run every test; installs redis-server, curl, and what checks tokens, the API's description, packages and configurations, where they are missing
	./scripts/ensure-programs.sh redis-server curl groff systemd-analyze nginx haproxy caddy
	./scripts/ensure-verifiers.sh
	./scripts/ensure-package-checks.sh
	@if cargo nextest --version >/dev/null 2>&1; then \
		echo "cargo nextest run" && cargo nextest run --workspace --locked --no-fail-fast; \
	else \
		echo "cargo test" && cargo test --workspace --locked --lib --bins --tests --no-fail-fast; \
	fi
	cargo test --workspace --locked --doc

test-servers: $(SERVERS:%=test-on-%) ## Run the tests that start a Redis on a current Valkey and a current Redis

test-on-%:
	./scripts/ensure-programs.sh redis-server
	./scripts/ensure-verifiers.sh
	@server=$$(./scripts/ensure-servers.sh $*) && export USERD_TEST_REDIS_SERVER="$$server" && \
	if cargo nextest --version >/dev/null 2>&1; then \
		echo "cargo nextest run, on $*" && cargo nextest run --workspace --locked --no-fail-fast --test it $(ON_SERVERS); \
	else \
		echo "cargo test, on $*" && cargo test --locked --no-fail-fast --test it -- $(ON_SERVERS); \
	fi

test-otlp: ## Run the test of traces, with a userd that is built with them
	cargo test --locked --package userd --features otlp --test it otlp::

lint: ## Check format and lints
	cargo fmt --check
	cargo clippy --workspace --locked --all-targets --all-features -- -D warnings

doc: ## Build the documentation, private items too
	RUSTDOCFLAGS="-D warnings" cargo doc --workspace --locked --no-deps --document-private-items

openapi: ## Write docs/openapi.json anew, as the program gives it
	USERD_TEST_WRITE_OPENAPI=1 cargo test --locked --test it the_committed_description

bench: ## Measure every published figure again (some minutes, on an idle machine)
	./scripts/ensure-programs.sh redis-server wrk
	cargo build --release --locked --package userd --bin userd --examples
	./target/release/examples/bench

# How long the main storm of `make faults` lasts, in seconds, and what everything random is drawn from.
SECONDS ?= 600
SEED ?= 20261124

faults: ## Run the fault tests in their long form (SECONDS=600 SEED=n) and write docs/faults.md again
	./scripts/ensure-programs.sh redis-server
	./scripts/faults.sh $(SECONDS) $(SEED)

ci: ## What CI runs
	./.ci/run
