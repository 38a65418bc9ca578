//! Every statement of the slice.

use serde::{Deserialize, Serialize};
use sqlx::PgConnection;
use sqlx::types::Json;
use utoipa::ToSchema;
use uuid::Uuid;

use super::rules::{Approval, Case, Measure, Notice, State};
use crate::kernel::{
    EvidenceId, LeaseId, Money, OrganizationId, ReclaimCaseId, Sha256, Timestamp, TrancheId, UserId,
};
use crate::leases::FreedUnits;
use crate::supply::{ApproverRole, Clause, Party, TermsHash};

/// What an execution did.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct Outcome {
    /// The lease changed at this instant.
    pub effective_at: chrono::DateTime<chrono::Utc>,
    /// GPUs taken back.
    pub gpus: u32,
    /// Units that returned to the market.
    pub units: Vec<FreedUnits>,
    /// Price of the time taken back.
    pub unused: Money,
    /// What the tenant gets under the clause.
    pub compensation: Money,
}

/// A case as it is kept, its approvals apart.
pub struct Kept {
    pub case: Case,
    pub outcome: Option<Outcome>,
}

struct Row {
    id: ReclaimCaseId,
    lease_id: LeaseId,
    provider_id: OrganizationId,
    tenant_id: OrganizationId,
    clause: Json<Clause>,
    terms_hash: TermsHash,
    tranche_id: Option<TrancheId>,
    units: Option<i32>,
    reason: String,
    state: String,
    initiated_by: UserId,
    initiated_as: Party,
    served_at: Option<Timestamp>,
    deadline: Option<Timestamp>,
    executed_at: Option<Timestamp>,
    outcome: Option<Json<Outcome>>,
    closed_reason: Option<String>,
    revision: i32,
    created_at: Timestamp,
    evidence: i64,
}

impl TryFrom<Row> for Kept {
    type Error = sqlx::Error;
    fn try_from(row: Row) -> sqlx::Result<Kept> {
        let measure = match (row.tranche_id, row.units) {
            (Some(tranche_id), Some(units)) => {
                Measure::Partial { tranche_id, units: u32::try_from(units).unwrap_or(0) }
            }
            _ => Measure::Full,
        };
        let notice = row
            .served_at
            .zip(row.deadline)
            .map(|(served_at, deadline)| Notice { served_at, deadline });
        let state = match (row.state.as_str(), notice, row.executed_at, row.closed_reason) {
            ("draft", ..) => State::Draft,
            ("submitted", ..) => State::Submitted,
            ("approved", ..) => State::Approved,
            ("noticed", Some(notice), ..) => State::Noticed(notice),
            ("executed", Some(notice), Some(executed_at), _) => {
                State::Executed { notice, executed_at }
            }
            ("refused", _, _, Some(reason)) => State::Refused { reason },
            ("withdrawn", notice, _, Some(reason)) => State::Withdrawn { notice, reason },
            (state, ..) => {
                let id = row.id;
                return Err(sqlx::Error::Decode(format!("case {id} is no {state} one").into()));
            }
        };
        Ok(Kept {
            case: Case {
                id: row.id,
                lease_id: row.lease_id,
                provider_id: row.provider_id,
                tenant_id: row.tenant_id,
                clause: row.clause.0,
                terms_hash: row.terms_hash,
                measure,
                reason: row.reason,
                initiator: row.initiated_by,
                initiated_as: row.initiated_as,
                evidence: u32::try_from(row.evidence).unwrap_or(u32::MAX),
                approvals: Vec::new(),
                state,
                revision: row.revision,
                created_at: row.created_at,
            },
            outcome: row.outcome.map(|outcome| outcome.0),
        })
    }
}

/// Cases by `$rest`. A case is seen by the side that opened it and by staff, and by the other side once
/// it has been served; the provider sees what staff opens too.
macro_rules! select_cases {
    ($connection:expr, $rest:tt $(, $argument:expr)*) => {
        sqlx::query_as!(
            Row,
            r#"select id as "id: ReclaimCaseId", lease_id as "lease_id: LeaseId",
                   provider_id as "provider_id: OrganizationId", tenant_id as "tenant_id: OrganizationId",
                   clause as "clause: Json<Clause>", terms_hash as "terms_hash: TermsHash",
                   tranche_id as "tranche_id: TrancheId", units, reason, state,
                   initiated_by as "initiated_by: UserId", initiated_as as "initiated_as: Party",
                   served_at, deadline, executed_at, outcome as "outcome: Json<Outcome>", closed_reason,
                   revision, created_at,
                   (select count(*) from reclaim_evidence where case_id = reclaim_cases.id) as "evidence!"
               from reclaim_cases "# + $rest
            $(, $argument)*
        )
        .fetch_all($connection)
        .await?
        .into_iter()
        .map(Kept::try_from)
        .collect::<sqlx::Result<Vec<Kept>>>()?
    };
}

/// The case `id`, if `scope` may see it.
pub async fn case(
    connection: &mut PgConnection,
    id: ReclaimCaseId,
    scope: Option<Uuid>,
) -> sqlx::Result<Option<Kept>> {
    let mut cases = select_cases!(
        connection,
        "where id = $1 and ($2::uuid is null
             or (provider_id = $2 and (initiated_as <> 'tenant' or served_at is not null))
             or (tenant_id = $2 and (initiated_as = 'tenant' or served_at is not null)))",
        id.0,
        scope
    );
    Ok(cases.pop())
}

/// The case `id`, if `scope` may see it, locked until the transaction ends.
pub async fn locked(
    connection: &mut PgConnection,
    id: ReclaimCaseId,
    scope: Option<Uuid>,
) -> sqlx::Result<Option<Kept>> {
    let mut cases = select_cases!(
        connection,
        "where id = $1 and ($2::uuid is null
             or (provider_id = $2 and (initiated_as <> 'tenant' or served_at is not null))
             or (tenant_id = $2 and (initiated_as = 'tenant' or served_at is not null)))
         for update",
        id.0,
        scope
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
) -> sqlx::Result<Vec<Kept>> {
    let cases = select_cases!(
        connection,
        "where ($1::uuid is null
             or (provider_id = $1 and (initiated_as <> 'tenant' or served_at is not null))
             or (tenant_id = $1 and (initiated_as = 'tenant' or served_at is not null)))
             and ($2::uuid is null or lease_id = $2)
             and ($3::text is null or state = $3)
             and ($4::uuid is null or id < $4)
         order by id desc limit $5",
        scope,
        lease.map(|id| id.0),
        state,
        after,
        limit
    );
    Ok(cases)
}

/// A noticed case whose deadline has come at `now`, besides those in `except`, locked. Those that
/// others are working on are left to them.
pub async fn next_due(
    connection: &mut PgConnection,
    now: Timestamp,
    except: &[Uuid],
) -> sqlx::Result<Option<Kept>> {
    let mut cases = select_cases!(
        connection,
        "where state = 'noticed' and deadline <= $1 and id <> all($2)
         order by deadline limit 1 for update skip locked",
        now,
        except
    );
    Ok(cases.pop())
}

/// Keeps a new case. A second open one of a lease violates `reclaim_cases_one_open`.
pub async fn insert(connection: &mut PgConnection, case: &Case) -> sqlx::Result<()> {
    let (tranche, units) = match case.measure {
        Measure::Partial { tranche_id, units } => (Some(tranche_id.0), i32::try_from(units).ok()),
        Measure::Full => (None, None),
    };
    sqlx::query!(
        "insert into reclaim_cases (id, lease_id, provider_id, tenant_id, clause, terms_hash, ground,
             action, tranche_id, units, reason, state, initiated_by, initiated_as, revision, created_at)
         values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16)",
        case.id.0,
        case.lease_id.0,
        case.provider_id.0,
        case.tenant_id.0,
        Json(&case.clause) as Json<&Clause>,
        &case.terms_hash.0[..],
        case.clause.ground.name(),
        case.measure.action().to_string(),
        tranche,
        units,
        case.reason,
        case.state.name(),
        case.initiator.0,
        case.initiated_as as Party,
        case.revision,
        case.created_at,
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// Writes the state of `case`, and its revision, which must be one above the one kept; says whether it
/// was.
pub async fn set_state(
    connection: &mut PgConnection,
    case: &Case,
    outcome: Option<&Outcome>,
) -> sqlx::Result<bool> {
    let notice = case.state.notice();
    let (executed_at, closed_reason) = match &case.state {
        State::Executed { executed_at, .. } => (Some(*executed_at), None),
        State::Refused { reason } | State::Withdrawn { reason, .. } => (None, Some(reason)),
        _ => (None, None),
    };
    let done = sqlx::query!(
        "update reclaim_cases set state = $2, served_at = $3, deadline = $4, executed_at = $5,
             closed_reason = $6, outcome = $7, revision = $8
         where id = $1 and revision = $8 - 1",
        case.id.0,
        case.state.name(),
        notice.map(|notice| notice.served_at),
        notice.map(|notice| notice.deadline),
        executed_at,
        closed_reason,
        outcome.map(Json) as Option<Json<&Outcome>>,
        case.revision,
    )
    .execute(connection)
    .await?;
    Ok(done.rows_affected() == 1)
}

/// A piece of evidence: what it is by its hash, where it comes from, when it was seen.
#[derive(Debug, Clone)]
pub struct Evidence {
    pub id: EvidenceId,
    pub sha256: Sha256,
    pub source: String,
    pub observed_at: Timestamp,
    pub note: String,
    pub created_at: Timestamp,
}

/// Adds a piece of evidence.
pub async fn insert_evidence(
    connection: &mut PgConnection,
    case: ReclaimCaseId,
    evidence: &Evidence,
    by: Uuid,
) -> sqlx::Result<()> {
    sqlx::query!(
        "insert into reclaim_evidence (id, case_id, sha256, source, observed_at, note, added_by,
             created_at)
         values ($1, $2, $3, $4, $5, $6, $7, $8)",
        evidence.id.0,
        case.0,
        &evidence.sha256.0[..],
        evidence.source,
        evidence.observed_at,
        evidence.note,
        by,
        evidence.created_at,
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// The evidence of a case, in order of adding.
pub async fn evidence(
    connection: &mut PgConnection,
    case: ReclaimCaseId,
) -> sqlx::Result<Vec<Evidence>> {
    sqlx::query_as!(
        Evidence,
        r#"select id as "id: EvidenceId", sha256 as "sha256: Sha256", source, observed_at, note,
               created_at
           from reclaim_evidence where case_id = $1 order by created_at, id"#,
        case.0
    )
    .fetch_all(connection)
    .await
}

/// Adds an approval. A second one of the same person violates `reclaim_approvals_pkey`.
pub async fn insert_approval(
    connection: &mut PgConnection,
    case: ReclaimCaseId,
    approval: &Approval,
) -> sqlx::Result<()> {
    sqlx::query!(
        "insert into reclaim_approvals (case_id, user_id, role, created_at) values ($1, $2, $3, $4)",
        case.0,
        approval.user.0,
        approval.role as ApproverRole,
        approval.at,
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// The approvals of a case, in order of giving, whatever has become of the people.
pub async fn approvals(
    connection: &mut PgConnection,
    case: ReclaimCaseId,
) -> sqlx::Result<Vec<Approval>> {
    sqlx::query_as!(
        Approval,
        r#"select user_id as "user: UserId", role as "role: ApproverRole", created_at as at
           from reclaim_approvals where case_id = $1 order by created_at, user_id"#,
        case.0
    )
    .fetch_all(connection)
    .await
}
