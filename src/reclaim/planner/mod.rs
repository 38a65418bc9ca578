//! Planning a reclaim: how to free so many GPUs or megawatts of a pool or site by a day, for a while,
//! at least compensation.
//!
//! ```text
//! wish ──▶ stock: what is there, and by which right it could be taken
//!      ──▶ menu: what each lease could give for the period, for what money
//!      ──▶ solve: the cheapest candidates that free enough at every instant (a mixed-integer program)
//!      ──▶ plan, kept and shown ──▶ draft cases, and volunteers' units bought back, in one call
//! ```
//!
//! - What is free anyway counts first; then those who are willing; then those who are not, and of them
//!   as few GPUs as steps allow.
//! - Only grounds that are about the capacity and nobody's fault are planned with.
//! - The money is that of settlement: [`super::rules::stake`].
//! - What is said instead of a plan (how much, and from when on) can be had: it is reckoned by the same
//!   functions, for whoever asks for it within [`rules::STANDS`].
//! - Nothing is served by a plan. Its cases go the way of all cases.

mod actions;
mod routes;
pub mod rules;
mod store;
mod views;

pub use routes::routes;
