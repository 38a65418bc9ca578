//! What organizations hold, as quotas count it: leases as they stand, and quotes that hold capacity. What is
//! kept for somebody by a reclaim case counts once it is accepted: nobody is charged with what others did.

use std::collections::HashMap;
use std::sync::Arc;

use futures::FutureExt;
use futures::future::BoxFuture;
use rust_decimal::Decimal;
use sqlx::PgConnection;
use sqlx::types::Json;
use uuid::Uuid;

use crate::db::stored::stored;
use crate::kernel::{OrganizationId, PoolId, ProjectId, Rate, Timestamp};
use crate::leases::rules::{Status, Tranche, line};
use crate::quotas::{Holding, Place};
use crate::supply;

/// What `organization` holds from `since` on: of the leases and quotes in `which`, or of all. Of a lease
/// that is over, what it had until then; of one that never began, nothing.
pub fn read_holdings(
    connection: &mut PgConnection,
    organization: OrganizationId,
    since: Timestamp,
    which: Option<Vec<Uuid>>,
) -> BoxFuture<'_, sqlx::Result<Vec<(Uuid, Holding)>>> {
    async move {
        let mut found = leased(connection, organization, since, which.as_deref()).await?;
        found.extend(held(connection, organization, which.as_deref()).await?);
        let pools: Vec<PoolId> = found.iter().map(|row| row.pool).collect();
        let places = supply::places(connection, &pools).await?;
        let places: HashMap<PoolId, Arc<Place>> = places
            .into_iter()
            .map(|(pool, (accelerator, site))| (pool, Arc::new(Place { accelerator, site })))
            .collect();
        let mut holdings: HashMap<Uuid, Holding> = HashMap::new();
        for row in found {
            let Some(place) = places.get(&row.pool) else { continue };
            let holding = holdings.entry(row.subject).or_insert_with(|| Holding {
                project: row.project,
                is_signed: row.is_signed,
                open_until: row.open_until.map(|at| at.timestamp_micros()),
                lines: Vec::new(),
            });
            let period = (row.starts_at, row.ends_at);
            holding.lines.push(line(place.clone(), period, row.gpus, row.mw, row.rate));
        }
        Ok(holdings.into_iter().collect())
    }
    .boxed()
}

/// One line of what is held.
struct HoldingRow {
    subject: Uuid,
    project: Option<ProjectId>,
    is_signed: bool,
    open_until: Option<Timestamp>,
    pool: PoolId,
    starts_at: Timestamp,
    ends_at: Timestamp,
    gpus: u32,
    mw: Decimal,
    rate: Rate,
}

async fn leased(
    connection: &mut PgConnection,
    organization: OrganizationId,
    since: Timestamp,
    which: Option<&[Uuid]>,
) -> sqlx::Result<Vec<HoldingRow>> {
    let rows = sqlx::query!(
        r#"select l.id, l.project_id as "project: ProjectId", l.status as "status: Status",
               l.starts_at as lease_starts_at, t.pool_id as "pool: PoolId",
               t.starts_at, least(t.ends_at, l.ended_at) as "ends_at!", t.gpus, t.mw,
               t.rate_per_gpu_hour as "rate: Rate"
           from leases l join tranches t on t.lease_id = l.id
           where l.tenant_id = $1 and l.ends_at > $2 and ($3::uuid[] is null or l.id = any($3))
             and l.status not in ('rejected', 'cancelled')
             and t.starts_at < coalesce(l.ended_at, t.ends_at)"#,
        organization.0,
        since,
        which
    )
    .fetch_all(connection)
    .await?;
    let row = rows.into_iter().map(|row| {
        let is_requested = row.status == Status::Requested;
        Ok(HoldingRow {
            subject: row.id,
            project: row.project,
            is_signed: !is_requested,
            open_until: is_requested.then_some(row.lease_starts_at),
            pool: row.pool,
            starts_at: row.starts_at,
            ends_at: row.ends_at,
            gpus: stored(row.gpus, "tranches", "gpus", row.id)?,
            mw: row.mw,
            rate: row.rate,
        })
    });
    row.collect()
}

async fn held(
    connection: &mut PgConnection,
    organization: OrganizationId,
    which: Option<&[Uuid]>,
) -> sqlx::Result<Vec<HoldingRow>> {
    let rows = sqlx::query!(
        r#"select id, project_id as "project: ProjectId", expires_at,
               tranches as "tranches: Json<Vec<Tranche>>"
           from quotes where tenant_id = $1 and state = 'open' and holds and not is_reserved
             and ($2::uuid[] is null or id = any($2))"#,
        organization.0,
        which
    )
    .fetch_all(connection)
    .await?;
    let mut lines = Vec::new();
    for row in rows {
        lines.extend(row.tranches.0.into_iter().map(|tranche| HoldingRow {
            subject: row.id,
            project: row.project,
            is_signed: false,
            open_until: Some(row.expires_at),
            pool: tranche.pool_id,
            starts_at: tranche.starts_at,
            ends_at: tranche.ends_at,
            gpus: tranche.gpus,
            mw: tranche.mw,
            rate: tranche.rate,
        }));
    }
    Ok(lines)
}
