//! SQL on `reclaim_plans`.

use sqlx::PgConnection;
use sqlx::types::Json;
use uuid::Uuid;

use super::views::{CarriedOut, ReclaimPlan};
use crate::kernel::{LeaseId, OrganizationId, ReclaimPlanId, Timestamp};

/// A plan as it is kept.
pub struct PlanRecord {
    pub id: ReclaimPlanId,
    pub provider_id: OrganizationId,
    pub plan: Json<ReclaimPlan>,
    pub state: String,
    pub created_at: Timestamp,
    pub carried_out: Option<Json<CarriedOut>>,
}

macro_rules! select_plans {
    ($connection:expr, $rest:tt $(, $argument:expr)*) => {
        sqlx::query_as!(
            PlanRecord,
            r#"select id as "id: ReclaimPlanId", provider_id as "provider_id: OrganizationId",
                   plan as "plan: Json<ReclaimPlan>", state, created_at,
                   carried_out as "carried_out: Json<CarriedOut>"
               from reclaim_plans "# + $rest
            $(, $argument)*
        )
        .fetch_all($connection)
        .await
    };
}

/// The plan `id`, if it is `scope`'s.
pub async fn plan(
    connection: &mut PgConnection,
    id: ReclaimPlanId,
    scope: Option<Uuid>,
) -> sqlx::Result<Option<PlanRecord>> {
    let found = select_plans!(
        connection,
        "where id = $1 and ($2::uuid is null or provider_id = $2)",
        id.0,
        scope
    );
    Ok(found?.pop())
}

/// The plan `id`, if it is `scope`'s, locked until the transaction ends.
pub async fn locked(
    connection: &mut PgConnection,
    id: ReclaimPlanId,
    scope: Option<Uuid>,
) -> sqlx::Result<Option<PlanRecord>> {
    let found = select_plans!(
        connection,
        "where id = $1 and ($2::uuid is null or provider_id = $2) for update",
        id.0,
        scope
    );
    Ok(found?.pop())
}

/// The plans of `scope`, newest first, at most `limit` before the id `after`.
pub async fn list(
    connection: &mut PgConnection,
    scope: Option<Uuid>,
    after: Option<Uuid>,
    limit: i64,
) -> sqlx::Result<Vec<PlanRecord>> {
    select_plans!(
        connection,
        "where ($1::uuid is null or provider_id = $1) and ($2::uuid is null or id < $2)
         order by id desc limit $3",
        scope,
        after,
        limit
    )
}

/// Keeps a new plan.
pub async fn insert(
    connection: &mut PgConnection,
    id: ReclaimPlanId,
    plan: &ReclaimPlan,
    by: Uuid,
    now: Timestamp,
) -> sqlx::Result<()> {
    sqlx::query!(
        "insert into reclaim_plans (id, provider_id, plan, state, created_by, created_at)
         values ($1, $2, $3, 'open', $4, $5)",
        id.0,
        plan.provider_id.0,
        Json(plan) as Json<&ReclaimPlan>,
        by,
        now
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// Notes what came of a plan.
pub async fn carry_out(
    connection: &mut PgConnection,
    id: ReclaimPlanId,
    carried_out: &CarriedOut,
) -> sqlx::Result<()> {
    sqlx::query!(
        "update reclaim_plans set state = 'drafted', carried_out = $2 where id = $1 and state = 'open'",
        id.0,
        Json(carried_out) as Json<&CarriedOut>,
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// Those of `leases` that have an open case.
pub async fn with_open_case(
    connection: &mut PgConnection,
    leases: &[Uuid],
) -> sqlx::Result<Vec<LeaseId>> {
    sqlx::query_scalar!(
        r#"select lease_id as "id: LeaseId" from reclaim_cases
           where lease_id = any($1)
             and state not in ('executed', 'settled', 'refused', 'withdrawn', 'cured', 'overturned')"#,
        leases
    )
    .fetch_all(connection)
    .await
}
