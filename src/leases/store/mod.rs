//! The tables `quotes`, `leases`, `tranches`, `amendments` and `cancellation_quotes`.

pub mod amendments;
pub mod changes;
pub mod delays;
pub mod due;
pub mod holdings;
pub mod leases;
pub mod quotes;
