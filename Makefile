# Leasehold: `make run` tries it, `make test` checks it. `make help` lists the rest.

SHELL := /bin/sh
.DEFAULT_GOAL := help
.PHONY: help run server release page test test-page everything soak bench bench-page generate check-generated check-generated-here write-generated fmt check-fmt lint audit postgres with-postgres clean

# Builds read the checked-in answers about queries (.sqlx), never a database that happens to be there;
# only `generate` asks one.
export SQLX_OFFLINE := true

TARGET := $(or $(CARGO_TARGET_DIR),target)
# Runs a command on a throw-away PostgreSQL with the schema, its DATABASE_URL in the environment.
WITH_POSTGRES := $(TARGET)/debug/with-postgres
GENERATED := .dev/generated
CLIPPY := cargo clippy --workspace --all-targets -- -D warnings
# What the page is built from and with; one stamp each for the packages and the built page.
PACKAGES := web/node_modules/.package-lock.json
SCHEMA := web/src/api/schema.d.ts
PAGE := web/dist/index.html
PAGE_SOURCES := $(shell find web/src web/public -type f) $(wildcard web/*.ts web/*.json web/index.html)

help: ## list the targets
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/\1\t\2/p' $(MAKEFILE_LIST) | expand -t 18

run: postgres ## build, with the page, load the demo market on first start, serve on 127.0.0.1:8080; a private PostgreSQL unless DATABASE_URL is set
	@test -x $(TARGET)/debug/leasehold || echo 'Building the server and the page: about five minutes the first time.'
	@$(MAKE) --no-print-directory --jobs 2 server page
	@$(TARGET)/debug/leasehold demo
	@exec $(TARGET)/debug/leasehold serve $(ARGS)

# Both packages are named so that this builds their dependencies as everything else needs them.
server: # not optimised: built in a third of the time, and quick enough to try everything
	cargo build --package leasehold --package with-postgres --bin leasehold

release: page ## build the optimised binary, the one to operate, into $(TARGET)/release; about twelve minutes
	cargo build --release --bin leasehold

page: $(PAGE) ## build the page into web/dist, which the binary takes in

$(PACKAGES): web/package-lock.json
	cd web && npm ci --no-audit --no-fund
	@touch $@

$(PAGE): $(PACKAGES) $(PAGE_SOURCES)
	cd web && npm run --silent build
	@touch $@

test: with-postgres ## check everything: format, lints, generated files, tests
	$(WITH_POSTGRES) $(MAKE) --no-print-directory everything

everything: check-fmt
	$(MAKE) --no-print-directory check-generated-here
	cargo test --workspace --no-fail-fast
	$(MAKE) --no-print-directory test-page

test-page: $(PAGE) ## lint the page, test its parts, and play its journeys in Chromium against the real server
	cd web && npm run --silent lint && npm run --silent test
	$(MAKE) --no-print-directory server
	cd web && CHROMIUM=$$(../tools/get-chromium) LEASEHOLD=$(abspath $(TARGET))/debug/leasehold npm run --silent e2e

soak: with-postgres ## play random acts against the tables for an hour; LEASEHOLD_SOAK_SECONDS says another length
	LEASEHOLD_SOAK_SECONDS=$${LEASEHOLD_SOAK_SECONDS:-3600} $(WITH_POSTGRES) \
		cargo test --test it model::soak -- --nocapture --exact

bench: postgres ## measure, against pgbench on the same PostgreSQL; writes bench/latest.json
	cargo bench --bench throughput

bench-page: $(PAGE) ## measure the page in Chromium and hold it to its limits; wants the machine for itself
	cargo build --release --bin leasehold
	cd web && HOLD_SPEED=1 CHROMIUM=$$(../tools/get-chromium) LEASEHOLD=$(abspath $(TARGET))/release/leasehold npm run --silent e2e -- 4-speed

generate: with-postgres ## write anew what is generated: .sqlx, openapi.json, the page's types
	$(WITH_POSTGRES) $(MAKE) --no-print-directory write-generated
	rm -rf .sqlx
	cp -R $(GENERATED)/. .

check-generated: with-postgres ## fail if `make generate` would change anything
	$(WITH_POSTGRES) $(MAKE) --no-print-directory check-generated-here

check-generated-here: write-generated
	@diff -rq .sqlx $(GENERATED)/.sqlx && diff -q openapi.json $(GENERATED)/openapi.json \
		&& diff -q $(SCHEMA) $(GENERATED)/$(SCHEMA) \
		|| { echo 'generated files are stale: run `make generate` and commit what it changes' >&2; exit 1; }

# Needs DATABASE_URL. The lints read every query, so they ask the database about it on the way. They do not
# know that an answer depends on the database, so the roots of the crate are touched to have all asked again.
write-generated: $(PACKAGES)
	rm -rf $(GENERATED)
	mkdir -p $(GENERATED)/.sqlx
	touch $(wildcard src/lib.rs src/main.rs tests/*.rs tests/*/main.rs benches/*.rs)
	SQLX_OFFLINE=false SQLX_OFFLINE_DIR=$(CURDIR)/$(GENERATED)/.sqlx $(CLIPPY)
	SQLX_OFFLINE_DIR=$(CURDIR)/$(GENERATED)/.sqlx $(MAKE) --no-print-directory server
	$(TARGET)/debug/leasehold openapi > $(GENERATED)/openapi.json
	cd web && npx openapi-typescript ../$(GENERATED)/openapi.json --output ../$(GENERATED)/$(SCHEMA) 2>/dev/null >&2

fmt: ## format the code
	cargo fmt --all

check-fmt:
	cargo fmt --all --check

lint: ## clippy, warnings are errors
	$(CLIPPY)

audit: ## check what is depended upon: known flaws, licences, sources, and whether it is used; wants cargo-deny and cargo-machete
	cargo deny check
	cargo machete

postgres: ## get PostgreSQL's server programs where there are none
	@tools/get-postgres

with-postgres: postgres
	cargo build --package leasehold --package with-postgres --bin with-postgres

clean: ## remove what was built; data and fetched programs stay
	cargo clean
	rm -rf .dev web/dist web/node_modules
