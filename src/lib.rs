//! Leasehold: the ledger between those who own compute and those who rent it.
//!
//! The map, in reading order. Each noun is a folder with the same rooms: `rules` (pure), `store` (SQL),
//! `actions` (one function, one transaction), `routes`, `jobs`, `error`.

pub mod accounts; // organizations, users, keys, sessions
pub mod api; // the HTTP edge: problems, replies, pages
pub mod app; // what every slice receives, and the transaction of an act
pub mod audit; // the sealed log
pub mod capacity; // the plane: rectangles, placement, availability
pub mod cli; // the client verbs of the command line
pub mod config; // what can be configured
pub mod db; // connections, migrations, the log every act writes into
pub mod demo; // a market to look at
pub mod kernel; // shared vocabulary: ids, money, time, who calls
pub mod leases; // quotes, leases, tranches, amendments
pub mod notifications; // what organizations are told
pub mod quotas; // limits, what counts against them, requests to raise
pub mod reclaim; // cases: clause by clause, by the book
pub mod supply; // accelerators, sites, pools, deliveries, blocks, offers, reclaim terms
pub mod wiring; // the one place that lists the slices
