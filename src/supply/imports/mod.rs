//! Imports: inventories and price lists as CSV, with a report row by row.
//!
//! ```text
//! bytes ─▶ table (headings mapped to columns) ─▶ plan (pure: what each row means) ─▶ bulk statements
//!                                                  └▶ report; a refused row refuses the file,
//!                                                     unless the good rows are to be kept
//! ```

mod actions;
mod error;
mod inventory;
mod prices;
pub mod routes;
mod rules;
mod table;
