//! Integration tests: one binary, a database per test, requests over a real socket.
//!
//! They need a PostgreSQL, named by `DATABASE_URL` in the environment or in `.env`, whose user may
//! create databases. `make test` starts one.

mod accounts;
mod ahead;
mod amendments;
mod audit;
mod authz;
mod bad_input;
mod bad_requests;
mod cases;
mod clauses;
mod crash;
mod desk;
mod edge;
mod imports;
mod jobs;
mod leases;
mod lists;
mod model;
mod notices;
mod openapi;
mod page;
mod planner;
mod proposals;
mod quotas;
mod races;
mod reclaim;
mod rights;
mod schema;
mod sessions;
mod stored;
mod stories;
mod supply;
#[allow(dead_code, unused_imports, reason = "a kit: each test takes what it needs")]
mod support;
mod takings;
mod transparency;
