//! The HTTP edge, which knows no noun: problems, replies, the reading of requests, pages of lists.

pub mod call;
pub mod can;
pub mod page;
pub mod problem;
pub mod reply;
mod response;

pub use call::{Call, Params, Write, WriteBytes};
pub use can::Can;
pub use page::{List, Page};
pub use problem::{FieldError, Problem};
pub use reply::Reply;
