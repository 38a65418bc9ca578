//! Shared vocabulary: pure types that every noun uses. Nothing here does I/O or reads a clock,
//! except [`Clock`], which is how time is handed in.

pub mod caller;
pub mod event;
pub mod hash;
pub mod ids;
pub mod money;
pub mod text;
pub mod time;
pub mod words;

pub use caller::{Actor, Caller, Role, StaffRole};
pub use hash::Sha256;
pub use ids::*;
pub use money::{Money, Rate};
pub use text::{Name, Reason};
pub use time::{Clock, Period, Span, Timestamp};
pub(crate) use words::words;
