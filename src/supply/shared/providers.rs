//! Who may list: sites, pools, terms and offers, one by one or by import.

use sqlx::PgConnection;

use crate::accounts;
use crate::api::Problem;
use crate::kernel::{Caller, OrganizationId, Role};

/// The organization whose supply `caller` may change: it manages a provider. Verified it must be only
/// to publish.
///
/// # Errors
/// 403 for a lower role than manager, for staff, and for an organization that is no provider.
pub async fn lister(
    connection: &mut PgConnection,
    caller: &Caller,
) -> Result<OrganizationId, Problem> {
    let organization = accounts::require_role(caller, Role::Manager)?;
    match accounts::parties(connection, &[organization]).await?.remove(&organization) {
        Some(party) if party.is_provider => Ok(organization),
        Some(party) => Err(Problem::forbidden(format!(
            "{} is not registered as a provider and lists nothing",
            party.name
        ))),
        None => Err(Problem::not_found("organization", organization)),
    }
}
