//! SQL on requests to raise quotas.

use rust_decimal::Decimal;
use sqlx::PgConnection;
use uuid::Uuid;

use super::quotas::{decimal, grains};
use crate::kernel::{OrganizationId, ProjectId, QuotaId, QuotaRequestId, Timestamp};
use crate::quotas::rules::{Dimension, RequestState};

const TABLE: &str = "quota_requests";

/// A request to raise a quota.
#[derive(Debug, Clone)]
pub struct RaiseRequest {
    pub id: QuotaRequestId,
    pub quota_id: QuotaId,
    pub organization_id: OrganizationId,
    pub project_id: Option<ProjectId>,
    pub dimension: Dimension,
    pub amount: i128,
    pub reason: String,
    pub state: RequestState,
    pub requested_by: Uuid,
    pub decided_by: Option<Uuid>,
    pub decided_at: Option<Timestamp>,
    pub decision_reason: Option<String>,
    pub granted_amount: Option<i128>,
    pub granted_until: Option<Timestamp>,
    pub revision: i32,
    pub created_at: Timestamp,
}

struct RequestRow {
    id: QuotaRequestId,
    quota_id: QuotaId,
    organization_id: OrganizationId,
    project_id: Option<ProjectId>,
    dimension: Dimension,
    amount: Decimal,
    reason: String,
    state: RequestState,
    requested_by: Uuid,
    decided_by: Option<Uuid>,
    decided_at: Option<Timestamp>,
    decision_reason: Option<String>,
    granted_amount: Option<Decimal>,
    granted_until: Option<Timestamp>,
    revision: i32,
    created_at: Timestamp,
}

impl TryFrom<RequestRow> for RaiseRequest {
    type Error = sqlx::Error;
    fn try_from(row: RequestRow) -> sqlx::Result<RaiseRequest> {
        let granted = row.granted_amount.map(|amount| grains(amount, TABLE, row.id));
        Ok(RaiseRequest {
            id: row.id,
            quota_id: row.quota_id,
            organization_id: row.organization_id,
            project_id: row.project_id,
            dimension: row.dimension,
            amount: grains(row.amount, TABLE, row.id)?,
            reason: row.reason,
            state: row.state,
            requested_by: row.requested_by,
            decided_by: row.decided_by,
            decided_at: row.decided_at,
            decision_reason: row.decision_reason,
            granted_amount: granted.transpose()?,
            granted_until: row.granted_until,
            revision: row.revision,
            created_at: row.created_at,
        })
    }
}

macro_rules! select_requests {
    ($connection:expr, $rest:tt $(, $argument:expr)*) => {{
        let rows = sqlx::query_as!(
            RequestRow,
            r#"select r.id as "id: QuotaRequestId", r.quota_id as "quota_id: QuotaId",
                   r.organization_id as "organization_id: OrganizationId",
                   r.project_id as "project_id: ProjectId", q.dimension as "dimension: Dimension", r.amount,
                   r.reason, r.state as "state: RequestState", r.requested_by, r.decided_by, r.decided_at,
                   r.decision_reason, r.granted_amount, r.granted_until, r.revision, r.created_at
               from quota_requests r join quotas q on q.id = r.quota_id "# + $rest
            $(, $argument)*
        )
        .fetch_all($connection)
        .await?;
        rows.into_iter().map(RaiseRequest::try_from).collect::<sqlx::Result<Vec<_>>>()?
    }};
}

/// Requests in `scope` (`None`: all), newest first.
///
/// # Errors
/// Those of the database.
pub async fn requests(
    connection: &mut PgConnection,
    scope: Option<Uuid>,
    state: Option<RequestState>,
    after: Option<Uuid>,
    limit: i64,
) -> sqlx::Result<Vec<RaiseRequest>> {
    Ok(select_requests!(
        connection,
        "where ($1::uuid is null or r.organization_id = $1) and ($2::text is null or r.state = $2)
           and ($3::uuid is null or r.id < $3) order by r.id desc limit $4",
        scope,
        state as Option<RequestState>,
        after,
        limit
    ))
}

/// The request `id` in `scope`.
///
/// # Errors
/// Those of the database.
pub async fn request(
    connection: &mut PgConnection,
    id: QuotaRequestId,
    scope: Option<Uuid>,
) -> sqlx::Result<Option<RaiseRequest>> {
    Ok(select_requests!(
        connection,
        "where r.id = $1 and ($2::uuid is null or r.organization_id = $2)",
        id.0,
        scope
    )
    .pop())
}

/// The request `id` in `scope`, locked.
///
/// # Errors
/// Those of the database.
pub async fn lock_request(
    connection: &mut PgConnection,
    id: QuotaRequestId,
    scope: Option<Uuid>,
) -> sqlx::Result<Option<RaiseRequest>> {
    Ok(select_requests!(
        connection,
        "where r.id = $1 and ($2::uuid is null or r.organization_id = $2) for update of r",
        id.0,
        scope
    )
    .pop())
}

/// Adds a request.
///
/// # Errors
/// `quota_requests_one_open`; those of the database.
pub async fn add_request(
    connection: &mut PgConnection,
    request: &RaiseRequest,
) -> sqlx::Result<()> {
    sqlx::query!(
        "insert into quota_requests (id, quota_id, organization_id, project_id, amount, reason, state,
             requested_by, revision, created_at)
         values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)",
        request.id.0,
        request.quota_id.0,
        request.organization_id.0,
        request.project_id.map(|id| id.0),
        decimal(request.amount, TABLE, request.id)?,
        request.reason,
        request.state as RequestState,
        request.requested_by,
        request.revision,
        request.created_at
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// Writes the decision on a request.
///
/// # Errors
/// Those of the database.
pub async fn decide_request(
    connection: &mut PgConnection,
    request: &RaiseRequest,
) -> sqlx::Result<()> {
    let granted = request.granted_amount.map(|amount| decimal(amount, TABLE, request.id));
    sqlx::query!(
        "update quota_requests set state = $2, decided_by = $3, decided_at = $4, decision_reason = $5,
             granted_amount = $6, granted_until = $7, revision = $8 where id = $1",
        request.id.0,
        request.state as RequestState,
        request.decided_by,
        request.decided_at,
        request.decision_reason,
        granted.transpose()?,
        request.granted_until,
        request.revision
    )
    .execute(connection)
    .await?;
    Ok(())
}
