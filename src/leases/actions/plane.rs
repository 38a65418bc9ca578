//! Drawing a pool's plane for whoever may see it.

use std::collections::HashMap;

use chrono::TimeDelta;
use uuid::Uuid;

use crate::accounts;
use crate::api::Problem;
use crate::app::App;
use crate::capacity::{self, Purpose, Rectangle};
use crate::kernel::{Caller, OrganizationId, Period, PoolId, Timestamp};
use crate::leases::rules::Sight;
use crate::leases::store::leases as store;
use crate::leases::views::plane::{PlaneView, RectangleView};
use crate::supply;

/// Rectangles in one reply.
const MOST: usize = 20_000;

/// The plane of the pool `id` as `caller` sees it, from `from` (`None`: now) to `to` (`None`: 90 days later).
///
/// # Errors
/// 404 for a pool of which the caller has no part and is offered none, 422 for a window that is none.
pub async fn seen(
    app: &App,
    caller: &Caller,
    id: PoolId,
    (from, to): (Option<Timestamp>, Option<Timestamp>),
) -> Result<PlaneView, Problem> {
    let from = from.unwrap_or_else(|| app.now());
    let to = to.unwrap_or(from + TimeDelta::days(90));
    let period = Period::new(from, to).map_err(|error| Problem::field("to", error.to_string()))?;
    let mut connection = app.db.acquire().await?;
    let scope = caller.scope();
    let limit = i64::try_from(MOST + 1).map_err(Problem::internal)?;
    let mut rectangles = capacity::rectangles(&mut connection, id, period, limit).await?;
    let unknown = || Problem::not_found("pool", id);
    let pool = supply::pool(&mut connection, id, None).await?.ok_or_else(unknown)?;
    let sight = Sight::of(scope, pool.provider_id);
    let has_part = rectangles.iter().any(|rectangle| sight.shows(rectangle.organization));
    if !sight.sees_all && !has_part && !supply::is_offered_to(&mut connection, id, scope).await? {
        return Err(unknown());
    }
    let truncated = rectangles.len() > MOST;
    rectangles.truncate(MOST);
    let tenants = if sight.sees_all {
        accounts::parties(&mut connection, &tenants_of(&rectangles)).await?
    } else {
        HashMap::new()
    };
    let holds = rectangles.iter().filter(|rectangle| rectangle.purpose == Purpose::Hold);
    let holds: Vec<Uuid> = holds.map(|rectangle| rectangle.subject).collect();
    let requested = store::known(&mut connection, &holds).await?;
    let view = |rectangle| RectangleView::new(rectangle, sight, &tenants, &requested);
    Ok(PlaneView {
        pool_id: id,
        pool_name: pool.facts.name.to_string(),
        units: pool.facts.units,
        gpus_per_unit: pool.facts.gpus_per_unit,
        from,
        to,
        rectangles: rectangles.iter().map(view).collect(),
        truncated,
    })
}

/// Whose the rectangles are, each once.
fn tenants_of(rectangles: &[Rectangle]) -> Vec<OrganizationId> {
    let mut ids: Vec<OrganizationId> =
        rectangles.iter().filter_map(|rectangle| rectangle.organization).collect();
    ids.sort_unstable();
    ids.dedup();
    ids
}
