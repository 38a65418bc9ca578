# Leasehold: `make run` tries it, `make test` checks it. `make help` lists the rest.

SHELL := /bin/sh
.DEFAULT_GOAL := help
.PHONY: help run test everything bench generate check-generated check-generated-here write-generated fmt check-fmt lint postgres with-postgres clean

# Builds read the checked-in answers about queries (.sqlx), never a database that happens to be there;
# only `generate` asks one.
export SQLX_OFFLINE := true

TARGET := $(or $(CARGO_TARGET_DIR),target)
# Runs a command on a throw-away PostgreSQL with the schema, its DATABASE_URL in the environment.
WITH_POSTGRES := $(TARGET)/debug/with-postgres
GENERATED := .dev/generated

help: ## list the targets
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/\1\t\2/p' $(MAKEFILE_LIST) | expand -t 18

run: postgres ## build, load the demo market on first start, serve on 127.0.0.1:8080; a private PostgreSQL unless DATABASE_URL is set
	cargo build --release --bin leasehold
	@$(TARGET)/release/leasehold demo
	@exec $(TARGET)/release/leasehold serve $(ARGS)

test: with-postgres ## check everything: format, generated files, lints, tests
	$(WITH_POSTGRES) $(MAKE) --no-print-directory everything

everything: check-fmt
	$(MAKE) --no-print-directory check-generated-here
	$(MAKE) --no-print-directory lint
	cargo test --workspace --no-fail-fast

bench: postgres ## measure, against pgbench on the same PostgreSQL; writes bench/latest.json
	cargo bench --bench throughput

generate: with-postgres ## write anew what is generated: .sqlx, openapi.json
	$(WITH_POSTGRES) $(MAKE) --no-print-directory write-generated
	rm -rf .sqlx
	cp -R $(GENERATED)/. .

check-generated: with-postgres ## fail if `make generate` would change anything
	$(WITH_POSTGRES) $(MAKE) --no-print-directory check-generated-here

check-generated-here: write-generated
	@diff -rq .sqlx $(GENERATED)/.sqlx && diff -q openapi.json $(GENERATED)/openapi.json \
		|| { echo 'generated files are stale: run `make generate` and commit what it changes' >&2; exit 1; }

# Needs DATABASE_URL. The compiler does not know that an answer depends on the database, so the roots
# of the crate are touched to have every query asked again.
write-generated:
	rm -rf $(GENERATED)
	mkdir -p $(GENERATED)/.sqlx
	touch $(wildcard src/lib.rs src/main.rs tests/*.rs tests/*/main.rs benches/*.rs)
	SQLX_OFFLINE=false SQLX_OFFLINE_DIR=$(CURDIR)/$(GENERATED)/.sqlx cargo check --all-targets
	SQLX_OFFLINE_DIR=$(CURDIR)/$(GENERATED)/.sqlx cargo run --quiet --bin leasehold -- openapi > $(GENERATED)/openapi.json

fmt: ## format the code
	cargo fmt --all

check-fmt:
	cargo fmt --all --check

lint: ## clippy, warnings are errors
	cargo clippy --workspace --all-targets -- -D warnings

postgres: ## get PostgreSQL's server programs where there are none
	@tools/get-postgres

# Both packages are named so that this builds their dependencies as everything else needs them.
with-postgres: postgres
	cargo build --package leasehold --package with-postgres --bin with-postgres

clean: ## remove what was built; data and fetched programs stay
	cargo clean
	rm -rf .dev
