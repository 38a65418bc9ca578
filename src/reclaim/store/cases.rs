//! SQL on cases.

use serde::{Deserialize, Serialize};
use sqlx::PgConnection;
use sqlx::types::Json;
use utoipa::ToSchema;
use uuid::Uuid;

use crate::db::stored::{storable, stored};
use crate::kernel::{LeaseId, MessageId, Money, OrganizationId, ReclaimCaseId, Timestamp, UserId};
use crate::leases::{Choice, FreedUnits, Reserved};
use crate::reclaim::rules::{Case, Measure, Notice, Portion, Reserve, State};
use crate::supply::{Clause, Party, TermsHash};

/// What an execution did.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct CaseOutcome {
    /// The lease changed at this instant.
    pub effective_at: chrono::DateTime<chrono::Utc>,
    /// GPUs taken back, or suspended.
    pub gpus: u32,
    /// Units that returned to the market.
    pub units: Vec<FreedUnits>,
    /// Price of the time taken back, or suspended.
    pub unused: Money,
    /// What the tenant gets under the clause; the settlement has the lines.
    pub compensation: Money,
    /// Why these units.
    pub choice: Option<Choice>,
    /// What was made for whom the units are kept.
    pub reserved: Option<Reserved>,
    /// Of which lines of the schedule, and what they cost.
    pub parts: Vec<Portion>,
}

/// A case as it is kept, its approvals apart.
pub struct CaseRecord {
    pub case: Case,
    /// The notice in the other side's inbox.
    pub message: Option<MessageId>,
    pub outcome: Option<CaseOutcome>,
}

struct CaseRow {
    id: ReclaimCaseId,
    lease_id: LeaseId,
    provider_id: OrganizationId,
    tenant_id: OrganizationId,
    clause: Json<Clause>,
    terms_hash: TermsHash,
    measure: Json<Measure>,
    reserve: Option<Json<Reserve>>,
    not_before: Option<Timestamp>,
    reason: String,
    progress: Json<State>,
    initiated_by: UserId,
    initiated_as: Party,
    message_id: Option<MessageId>,
    outcome: Option<Json<CaseOutcome>>,
    revision: i32,
    created_at: Timestamp,
    evidence: i64,
}

impl TryFrom<CaseRow> for CaseRecord {
    type Error = sqlx::Error;
    fn try_from(row: CaseRow) -> sqlx::Result<CaseRecord> {
        Ok(CaseRecord {
            case: Case {
                id: row.id,
                lease_id: row.lease_id,
                provider_id: row.provider_id,
                tenant_id: row.tenant_id,
                clause: row.clause.0,
                terms_hash: row.terms_hash,
                measure: row.measure.0,
                reserve: row.reserve.map(|reserve| reserve.0),
                not_before: row.not_before,
                reason: row.reason,
                initiator: row.initiated_by,
                initiated_as: row.initiated_as,
                evidence: stored(row.evidence, "reclaim_evidence", "case_id", row.id)?,
                approvals: Vec::new(),
                participants: Vec::new(),
                unratified: None,
                state: row.progress.0,
                revision: row.revision,
                created_at: row.created_at,
            },
            message: row.message_id,
            outcome: row.outcome.map(|outcome| outcome.0),
        })
    }
}

/// Cases by `$rest`.
macro_rules! select_cases {
    ($connection:expr, ($($rest:tt)+) $(, $argument:expr)*) => {
        sqlx::query_as!(
            CaseRow,
            r#"select id as "id: ReclaimCaseId", lease_id as "lease_id: LeaseId",
                   provider_id as "provider_id: OrganizationId", tenant_id as "tenant_id: OrganizationId",
                   clause as "clause: Json<Clause>", terms_hash as "terms_hash: TermsHash",
                   measure as "measure: Json<Measure>", reserve as "reserve: Json<Reserve>",
                   not_before, reason,
                   progress as "progress: Json<State>",
                   initiated_by as "initiated_by: UserId", initiated_as as "initiated_as: Party",
                   message_id as "message_id: MessageId", outcome as "outcome: Json<CaseOutcome>", revision,
                   created_at,
                   (select count(*) from reclaim_evidence e
                    where e.case_id = reclaim_cases.id and e.added_as = initiated_as) as "evidence!"
               from reclaim_cases "# + $($rest)+
            $(, $argument)*
        )
        .fetch_all($connection)
        .await?
        .into_iter()
        .map(CaseRecord::try_from)
        .collect::<sqlx::Result<Vec<CaseRecord>>>()?
    };
}

/// Cases that a scope may see: the one of an id, or all of them, by `$rest`.
///
/// Who may see a case is said here and nowhere else: the side that opened it and staff, and the other side once
/// it has been served; the provider sees what staff opens too. It is said for either number of the argument.
macro_rules! select_seen {
    ($connection:expr, id: $id:expr, scope: $scope:expr, $rest:tt) => {
        select_cases!(
            $connection,
            ("where id = $1 and ($2::uuid is null
             or (provider_id = $2 and (initiated_as <> 'tenant' or served_at is not null))
             or (tenant_id = $2 and (initiated_as = 'tenant' or served_at is not null)))" + $rest),
            $id,
            $scope
        )
    };
    ($connection:expr, scope: $scope:expr, $rest:tt $(, $argument:expr)*) => {
        select_cases!(
            $connection,
            ("where ($1::uuid is null
             or (provider_id = $1 and (initiated_as <> 'tenant' or served_at is not null))
             or (tenant_id = $1 and (initiated_as = 'tenant' or served_at is not null)))" + $rest),
            $scope
            $(, $argument)*
        )
    };
}

/// The case `id`, if `scope` may see it.
pub async fn case(
    connection: &mut PgConnection,
    id: ReclaimCaseId,
    scope: Option<Uuid>,
) -> sqlx::Result<Option<CaseRecord>> {
    let mut cases = select_seen!(connection, id: id.0, scope: scope, "");
    Ok(cases.pop())
}

/// The case `id`, if `scope` may see it, locked until the transaction ends.
pub async fn locked(
    connection: &mut PgConnection,
    id: ReclaimCaseId,
    scope: Option<Uuid>,
) -> sqlx::Result<Option<CaseRecord>> {
    let mut cases = select_seen!(
        connection,
        id: id.0,
        scope: scope,
        "
         for update"
    );
    Ok(cases.pop())
}

/// The cases that `scope` may see, newest first, at most `limit` before the id `after`.
pub async fn list(
    connection: &mut PgConnection,
    scope: Option<Uuid>,
    lease: Option<LeaseId>,
    state: Option<&str>,
    after: Option<Uuid>,
    limit: i64,
) -> sqlx::Result<Vec<CaseRecord>> {
    let cases = select_seen!(
        connection,
        scope: scope,
        "
             and ($2::uuid is null or lease_id = $2)
             and ($3::text is null or state = $3)
             and ($4::uuid is null or id < $4)
         order by id desc limit $5",
        lease.map(|id| id.0),
        state,
        after,
        limit
    );
    Ok(cases)
}

/// The cases that the server has to look at by `now` and that `job` is not stuck with, the longest due first,
/// at most `limit`.
pub async fn due(
    connection: &mut PgConnection,
    job: &str,
    now: Timestamp,
    limit: i64,
) -> sqlx::Result<Vec<ReclaimCaseId>> {
    sqlx::query_scalar!(
        r#"select id as "id: ReclaimCaseId" from reclaim_cases c
           where wakes_at <= $2 and not exists (select from stuck_jobs s
               where s.job = $1 and s.subject = c.id and s.cleared_at is null)
           order by wakes_at, id limit $3"#,
        job,
        now,
        limit
    )
    .fetch_all(connection)
    .await
}

/// The case `id`, locked, if the server has to look at it by `now`. One that another server is working on
/// is left to it.
pub async fn locked_if_due(
    connection: &mut PgConnection,
    id: ReclaimCaseId,
    now: Timestamp,
) -> sqlx::Result<Option<CaseRecord>> {
    let mut cases = select_cases!(
        connection,
        ("where id = $1 and wakes_at <= $2 for update skip locked"),
        id.0,
        now
    );
    Ok(cases.pop())
}

/// The open cases whose notice nobody has read as far as they know and that `job` is not stuck with, with
/// the notice's message, at most `limit` after the message `after`.
pub async fn unread(
    connection: &mut PgConnection,
    job: &str,
    after: Uuid,
    limit: i64,
) -> sqlx::Result<Vec<(ReclaimCaseId, MessageId)>> {
    let rows = sqlx::query!(
        r#"select id as "id: ReclaimCaseId", message_id as "message_id!: MessageId" from reclaim_cases c
           where message_id is not null and read_at is null and wakes_at is not null
               and message_id > $1 and not exists (select from stuck_jobs s
                   where s.job = $3 and s.subject = c.id and s.cleared_at is null)
           order by message_id limit $2"#,
        after,
        limit,
        job,
    )
    .fetch_all(connection)
    .await?;
    Ok(rows.into_iter().map(|row| (row.id, row.message_id)).collect())
}

/// Keeps a new case. A second open one of a lease violates `reclaim_cases_one_open`.
pub async fn insert(connection: &mut PgConnection, case: &Case) -> sqlx::Result<()> {
    let (tranche, units) = match case.measure {
        Measure::Partial { tranche_id, units, .. } => {
            (Some(tranche_id.0), Some(storable::<i32>(units, "reclaim_cases", "units", case.id)?))
        }
        Measure::Warn | Measure::Suspend { .. } | Measure::Full => (None, None),
    };
    sqlx::query!(
        "insert into reclaim_cases (id, lease_id, provider_id, tenant_id, clause, terms_hash, ground,
             action, measure, tranche_id, units, reserve, not_before, reason, state, progress, initiated_by, initiated_as,
             wakes_at, revision, created_at)
         values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19,
             $20, $21)",
        case.id.0,
        case.lease_id.0,
        case.provider_id.0,
        case.tenant_id.0,
        Json(&case.clause) as Json<&Clause>,
        &case.terms_hash.0[..],
        case.clause.ground.as_str(),
        case.measure.action().to_string(),
        Json(&case.measure) as Json<&Measure>,
        tranche,
        units,
        case.reserve.as_ref().map(Json) as Option<Json<&Reserve>>,
        case.not_before,
        case.reason,
        case.state.name(),
        Json(&case.state) as Json<&State>,
        case.initiator.0,
        case.initiated_as as Party,
        case.wakes_at(),
        case.revision,
        case.created_at,
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// Writes the state of `case`, and its revision, which must be one above the one kept; says whether it
/// was. What an execution did stays, whatever becomes of the case after it.
pub async fn set_state(
    connection: &mut PgConnection,
    case: &Case,
    message: Option<MessageId>,
    outcome: Option<&CaseOutcome>,
) -> sqlx::Result<bool> {
    let notice = case.state.notice();
    let done = sqlx::query!(
        "update reclaim_cases set state = $2, progress = $3, message_id = $4, served_at = $5, read_at = $6,
             deadline = $7, wakes_at = $8, executed_at = coalesce($9, executed_at), closed_reason = $10,
             outcome = coalesce($11, outcome), revision = $12, suspended_at = coalesce(suspended_at, $13)
         where id = $1 and revision = $12 - 1",
        case.id.0,
        case.state.name(),
        Json(&case.state) as Json<&State>,
        message.map(|id| id.0),
        notice.map(|notice| notice.served_at),
        notice.and_then(|notice| notice.read_at),
        notice.map(Notice::due_at),
        case.wakes_at(),
        case.state.executed_at(),
        case.state.closed_reason(),
        outcome.map(Json) as Option<Json<&CaseOutcome>>,
        case.revision,
        case.state.suspended_at(),
    )
    .execute(connection)
    .await?;
    Ok(done.rows_affected() == 1)
}

/// Sets when the server looks at a case again; nothing else of it changes.
pub async fn set_wakes_at(
    connection: &mut PgConnection,
    case: ReclaimCaseId,
    at: Timestamp,
) -> sqlx::Result<()> {
    sqlx::query!("update reclaim_cases set wakes_at = $2 where id = $1", case.0, at)
        .execute(connection)
        .await?;
    Ok(())
}

/// The last case besides `case` by which the lease was suspended at once, and which is over without having
/// been ratified, whatever its ground and whoever opened it.
pub async fn unratified(
    connection: &mut PgConnection,
    case: ReclaimCaseId,
    lease: LeaseId,
) -> sqlx::Result<Option<ReclaimCaseId>> {
    sqlx::query_scalar!(
        r#"select id as "id: ReclaimCaseId" from reclaim_cases
           where lease_id = $1 and id <> $2 and suspended_at is not null and executed_at is null
               and wakes_at is null
           order by suspended_at desc limit 1"#,
        lease.0,
        case.0,
    )
    .fetch_optional(connection)
    .await
}

/// Until when the lease is suspended by another case than `case`.
pub async fn other_suspension(
    connection: &mut PgConnection,
    case: ReclaimCaseId,
    lease: LeaseId,
) -> sqlx::Result<Option<Timestamp>> {
    sqlx::query_scalar!(
        r#"select max((measure ->> 'until')::timestamptz) from reclaim_cases
           where lease_id = $1 and id <> $2 and action = 'suspend' and state in ('suspended', 'executed')"#,
        lease.0,
        case.0,
    )
    .fetch_one(connection)
    .await
}
