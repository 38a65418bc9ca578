//! Every statement of the slice: organizations, people, and their credentials.

mod credentials;
mod organizations;
mod people;

pub use credentials::*;
pub use organizations::*;
pub use people::*;
