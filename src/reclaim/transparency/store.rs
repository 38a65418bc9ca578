//! SQL that looks at cases as the public may see them.

use rust_decimal::Decimal;
use sqlx::PgConnection;
use uuid::Uuid;

use crate::db::stored::stored;
use crate::kernel::{OrganizationId, ReclaimCaseId, Timestamp};
use crate::supply::ReclaimRecord;

/// A served case, without anybody's name but the provider's.
pub struct Seen {
    pub id: ReclaimCaseId,
    pub provider_id: OrganizationId,
    pub provider_name: String,
    pub ground: String,
    pub action: String,
    pub state: String,
    pub served_at: Timestamp,
    pub deadline: Option<Timestamp>,
    /// GPUs concerned; `None` where the schedule has changed since.
    pub gpus: Option<i64>,
}

/// Served cases, newest first, at most `limit` before the id `after`.
pub async fn served(
    connection: &mut PgConnection,
    provider: Option<OrganizationId>,
    after: Option<Uuid>,
    limit: i64,
) -> sqlx::Result<Vec<Seen>> {
    sqlx::query_as!(
        Seen,
        r#"select c.id as "id: ReclaimCaseId", c.provider_id as "provider_id: OrganizationId",
               g.name as provider_name, c.ground, c.action, c.state, c.served_at as "served_at!", c.deadline,
               coalesce((c.outcome->>'gpus')::int8,
                   c.units::int8 * (select gpus / units from tranches where id = c.tranche_id),
                   (select max(gpus)::int8 from tranches where lease_id = c.lease_id)) as gpus
           from reclaim_cases c join organizations g on g.id = c.provider_id
           where c.served_at is not null and ($1::uuid is null or c.provider_id = $1)
             and ($2::uuid is null or c.id < $2)
           order by c.id desc limit $3"#,
        provider.map(|id| id.0),
        after,
        limit
    )
    .fetch_all(connection)
    .await
}

/// The record of every provider with a case served since `since`.
///
/// What was taken back is what the lease gave up by its amendments of kind `reclaim`: the GPU-hours noted
/// there. What was leased is the schedule of leases that ran since then, as it stands, and what was taken.
pub async fn records(
    connection: &mut PgConnection,
    since: Timestamp,
    now: Timestamp,
) -> sqlx::Result<Vec<(OrganizationId, ReclaimRecord)>> {
    let rows = sqlx::query!(
        r#"with cases as (
               select provider_id, count(*) as served, count(executed_at) as executed
               from reclaim_cases where served_at >= $1 group by provider_id),
           taken as (
               select l.provider_id, sum((a.terms->>'gpu_hours')::numeric) as hours
               from amendments a join leases l on l.id = a.lease_id
               where a.kind = 'reclaim' and a.created_at >= $1 and l.provider_id in (select provider_id from cases)
               group by l.provider_id),
           leased as (
               select l.provider_id,
                   sum(t.gpus * extract(epoch from t.ends_at - t.starts_at)::numeric / 3600) as hours
               from leases l join tranches t on t.lease_id = l.id
               where l.provider_id in (select provider_id from cases)
                 and l.status in ('active', 'ended', 'reclaimed', 'terminated')
                 and l.ends_at >= $1 and l.starts_at <= $2
               group by l.provider_id)
           select c.provider_id as "provider_id: OrganizationId", c.served as "served!",
               c.executed as "executed!", coalesce(t.hours, 0) as "taken!", coalesce(l.hours, 0) as "leased!"
           from cases c left join taken t on t.provider_id = c.provider_id
               left join leased l on l.provider_id = c.provider_id"#,
        since,
        now
    )
    .fetch_all(connection)
    .await?;
    let records = rows.into_iter().map(|row| {
        let count = |number| stored::<u32>(number, "reclaim_cases", "provider_id", row.provider_id);
        let all = row.taken + row.leased;
        let rate = if all.is_zero() { Decimal::ZERO } else { row.taken / all };
        let rate = rate.round_dp(6).normalize();
        let (served, executed) = (count(row.served)?, count(row.executed)?);
        Ok((row.provider_id, ReclaimRecord { rate, served, executed }))
    });
    records.collect()
}
