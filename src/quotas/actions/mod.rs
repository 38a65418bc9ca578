//! What can be done with quotas and with requests to raise them.

mod limits;
mod raises;

pub use limits::{OverrideBody, QuotaBody, end, override_for_a_while, restore, set, sight};
pub use raises::{GrantBody, RaiseBody, deny, grant, request, withdraw};
