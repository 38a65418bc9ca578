//! What organizations and the staff of the marketplace are told: the inbox. It is the first channel; mail and webhooks would read the
//! same messages.
//!
//! A message is written in the act that it tells of. Whose person opened it first, and when, is kept:
//! it is the proof that it arrived. This slice knows no noun; who cares about a reading asks for it
//! with [`readings`].

mod actions;
mod routes;
mod store;

pub use actions::{mark_read, tell};
pub use routes::routes;
pub use store::{Message, Recipient, readings};
