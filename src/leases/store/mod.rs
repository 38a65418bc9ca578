//! The tables `quotes`, `leases`, `tranches`, `amendments` and `cancellation_quotes`.

pub mod leases;
pub mod quotes;
