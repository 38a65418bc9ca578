//! `/v1/pools/{id}/plane`: who holds what, when.

use std::collections::{HashMap, HashSet};

use axum::extract::State;
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use uuid::Uuid;

use crate::api::call::Id;
use crate::api::problem::Refused;
use crate::api::{Call, Params, Problem, Reply};
use crate::app::App;
use crate::capacity::{self, Purpose, Rectangle};
use crate::kernel::{BlockId, LeaseId, Period, PoolId, QuoteId};
use crate::leases::store::leases as store;
use crate::supply;

/// Rectangles in one reply.
const MOST: i64 = 20_000;

/// Which part of the plane.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct PlaneWindow {
    /// Now when left out.
    pub from: Option<DateTime<Utc>>,
    /// 90 days after `from` when left out.
    pub to: Option<DateTime<Utc>>,
}

/// A pool's plane: units upwards, time to the right.
#[derive(Debug, Serialize, ToSchema)]
pub struct PlaneView {
    pub pool_id: PoolId,
    pub pool_name: String,
    /// Height of the plane.
    pub units: u32,
    pub gpus_per_unit: u32,
    pub from: DateTime<Utc>,
    pub to: DateTime<Utc>,
    /// Lowest units first; what no rectangle covers is free.
    pub rectangles: Vec<RectangleView>,
    /// There are more rectangles than fit into a reply; ask for a smaller window.
    pub truncated: bool,
}

/// Units that are not free, for a time.
#[derive(Debug, Serialize, ToSchema)]
pub struct RectangleView {
    /// First unit.
    pub first_unit: u32,
    /// First unit after it.
    pub end_unit: u32,
    /// `null`: since ever.
    pub starts_at: Option<DateTime<Utc>>,
    /// `null`: for ever.
    pub ends_at: Option<DateTime<Utc>>,
    /// `lease`, `hold`, `own_use`, `maintenance`, `fault`, `undelivered`; `taken` for what is not yours to know.
    pub purpose: &'static str,
    /// Whose it is, and what to open: a lease, quote, block or pool. Only for what is yours.
    pub subject: Option<String>,
    /// The tenant, for the provider.
    pub tenant: Option<String>,
}

/// The capacity plane of a pool
///
/// The provider sees every rectangle; a tenant sees its own, and that others are taken.
#[utoipa::path(get, path = "/v1/pools/{id}/plane", tag = "supply", params(("id" = PoolId, Path), PlaneWindow),
    responses((status = 200, body = PlaneView), (status = 404, body = Refused), (status = 422, body = Refused)))]
pub async fn show_plane(
    State(app): State<App>,
    call: Call,
    Id(id): Id<PoolId>,
    Params(window): Params<PlaneWindow>,
) -> Result<Reply, Problem> {
    let from = window.from.unwrap_or_else(|| app.now());
    let to = window.to.unwrap_or(from + chrono::TimeDelta::days(90));
    let period = Period::new(from, to).map_err(|error| Problem::field("to", error.to_string()))?;
    let mut connection = app.db.acquire().await?;
    let scope = call.caller.scope();
    let mut rectangles = capacity::rectangles(&mut connection, id, period, MOST + 1).await?;
    let pool = supply::pool(&mut connection, id, None)
        .await?
        .ok_or_else(|| Problem::not_found("pool", id))?;
    let sees_all = scope.is_none_or(|scope| scope == pool.provider_id.0);
    let has_part =
        rectangles.iter().any(|rectangle| rectangle.organization.map(|id| id.0) == scope);
    if !sees_all && !has_part && !supply::is_offered_to(&mut connection, id, scope).await? {
        return Err(Problem::not_found("pool", id));
    }
    let truncated = i64::try_from(rectangles.len()).unwrap_or(i64::MAX) > MOST;
    rectangles.truncate(usize::try_from(MOST).unwrap_or(usize::MAX));
    let tenants =
        if sees_all { tenants(&mut connection, &rectangles).await? } else { HashMap::new() };
    // A hold is a quote's, or a lease's that waits for approval.
    let holds = rectangles.iter().filter(|rectangle| rectangle.purpose == Purpose::Hold);
    let holds: Vec<Uuid> = holds.map(|rectangle| rectangle.subject).collect();
    let requested = store::known(&mut connection, &holds).await?;
    let views = rectangles.iter().map(|rectangle| {
        let is_mine =
            sees_all || (scope.is_some() && rectangle.organization.map(|id| id.0) == scope);
        RectangleView::new(rectangle, is_mine, &tenants, &requested)
    });
    Ok(Reply::ok(&PlaneView {
        pool_id: id,
        pool_name: pool.facts.name.to_string(),
        units: pool.facts.units,
        gpus_per_unit: pool.facts.gpus_per_unit,
        from,
        to,
        rectangles: views.collect(),
        truncated,
    }))
}

async fn tenants(
    connection: &mut sqlx::PgConnection,
    rectangles: &[Rectangle],
) -> Result<HashMap<Uuid, String>, Problem> {
    let mut ids: Vec<_> =
        rectangles.iter().filter_map(|rectangle| rectangle.organization).collect();
    ids.sort_unstable();
    ids.dedup();
    let parties = crate::accounts::parties(connection, &ids).await?;
    Ok(parties.into_iter().map(|(id, party)| (id.0, party.name)).collect())
}

impl RectangleView {
    fn new(
        rectangle: &Rectangle,
        is_mine: bool,
        tenants: &HashMap<Uuid, String>,
        requested: &HashSet<LeaseId>,
    ) -> RectangleView {
        let subject = match rectangle.purpose {
            Purpose::Lease => LeaseId(rectangle.subject).to_string(),
            Purpose::Hold if requested.contains(&LeaseId(rectangle.subject)) => {
                LeaseId(rectangle.subject).to_string()
            }
            Purpose::Hold => QuoteId(rectangle.subject).to_string(),
            Purpose::Undelivered => PoolId(rectangle.subject).to_string(),
            Purpose::OwnUse | Purpose::Maintenance | Purpose::Fault => {
                BlockId(rectangle.subject).to_string()
            }
        };
        RectangleView {
            first_unit: rectangle.units.from,
            end_unit: rectangle.units.until,
            starts_at: rectangle.starts_at,
            ends_at: rectangle.ends_at,
            purpose: if is_mine { rectangle.purpose.as_str() } else { "taken" },
            subject: is_mine.then_some(subject),
            tenant: rectangle.organization.and_then(|id| tenants.get(&id.0).cloned()),
        }
    }
}
