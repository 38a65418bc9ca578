//! SQL on what hangs on a case: evidence, approvals, participants, answers, money.

use sqlx::PgConnection;
use uuid::Uuid;

use crate::kernel::{
    EvidenceId, LeaseId, Money, Period, ReclaimCaseId, ResponseId, Sha256, Timestamp, TrancheId,
    UserId,
};
use crate::reclaim::rules::{Approval, Line, LineKind, Rule, Settlement};
use crate::supply::{ApproverRole, Party};

/// A piece of evidence: what it is by its hash, where it comes from, when it was seen.
#[derive(Debug, Clone)]
pub struct Evidence {
    pub id: EvidenceId,
    pub sha256: Sha256,
    pub source: String,
    pub observed_at: Timestamp,
    pub note: String,
    pub added_as: Party,
    /// Bytes of the file that is kept; `None` where only its hash is.
    pub size: Option<i64>,
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
        "insert into reclaim_evidence (id, case_id, sha256, source, observed_at, note, added_as,
             added_by, created_at)
         values ($1, $2, $3, $4, $5, $6, $7, $8, $9)",
        evidence.id.0,
        case.0,
        &evidence.sha256.0[..],
        evidence.source,
        evidence.observed_at,
        evidence.note,
        evidence.added_as as Party,
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
        r#"select e.id as "id: EvidenceId", e.sha256 as "sha256: Sha256", e.source, e.observed_at, e.note,
               e.added_as as "added_as: Party", f.size as "size?", e.created_at
           from reclaim_evidence e left join reclaim_evidence_files f on f.evidence_id = e.id
           where e.case_id = $1 order by e.created_at, e.id"#,
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

/// Notes that `user` has acted on a case.
pub async fn insert_participant(
    connection: &mut PgConnection,
    case: ReclaimCaseId,
    user: UserId,
) -> sqlx::Result<()> {
    sqlx::query!(
        "insert into reclaim_participants (case_id, user_id) values ($1, $2) on conflict do nothing",
        case.0,
        user.0,
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// Everybody who has acted on a case.
pub async fn participants(
    connection: &mut PgConnection,
    case: ReclaimCaseId,
) -> sqlx::Result<Vec<UserId>> {
    sqlx::query_scalar!(
        r#"select user_id as "user: UserId" from reclaim_participants where case_id = $1"#,
        case.0
    )
    .fetch_all(connection)
    .await
}

/// What the other side answered.
#[derive(Debug, Clone)]
pub struct Response {
    pub id: ResponseId,
    pub text: String,
    pub created_at: Timestamp,
}

/// Adds an answer.
pub async fn insert_response(
    connection: &mut PgConnection,
    case: ReclaimCaseId,
    response: &Response,
    by: Uuid,
) -> sqlx::Result<()> {
    sqlx::query!(
        "insert into reclaim_responses (id, case_id, text, created_by, created_at)
         values ($1, $2, $3, $4, $5)",
        response.id.0,
        case.0,
        response.text,
        by,
        response.created_at,
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// The answers in a case, oldest first.
pub async fn responses(
    connection: &mut PgConnection,
    case: ReclaimCaseId,
) -> sqlx::Result<Vec<Response>> {
    sqlx::query_as!(
        Response,
        r#"select id as "id: ResponseId", text, created_at
           from reclaim_responses where case_id = $1 order by id"#,
        case.0
    )
    .fetch_all(connection)
    .await
}

/// A settlement as it is kept.
#[derive(Debug, Clone)]
pub struct Settled {
    pub case: ReclaimCaseId,
    pub lease: LeaseId,
    pub rule: Rule,
    pub settlement: Settlement,
    pub currency: String,
    pub settled_at: Timestamp,
    /// Of a suspension: the time that it is settled for.
    pub suspended: Option<Period>,
}

/// Keeps a settlement with its lines. Lines that do not add up violate `reclaim_settlements_add_up`.
pub async fn insert_settlement(
    connection: &mut PgConnection,
    settled: &Settled,
) -> sqlx::Result<()> {
    let lines = &settled.settlement.lines;
    sqlx::query!(
        "insert into reclaim_settlements (case_id, lease_id, rule, total, currency, settled_at, suspended_from,
             suspended_until)
         values ($1, $2, $3, $4, $5, $6, $7, $8)",
        settled.case.0,
        settled.lease.0,
        settled.rule as Rule,
        settled.settlement.total.decimal(),
        settled.currency,
        settled.settled_at,
        settled.suspended.map(|time| time.starts_at),
        settled.suspended.map(|time| time.ends_at),
    )
    .execute(&mut *connection)
    .await?;
    let tranches: Vec<_> = lines.iter().map(|line| line.tranche_id.map(|id| id.0)).collect();
    let hours: Vec<_> = lines.iter().map(|line| line.gpu_hours).collect();
    let kinds: Vec<String> = lines.iter().map(|line| line.kind.name().to_owned()).collect();
    let amounts: Vec<_> = lines.iter().map(|line| line.amount.decimal()).collect();
    sqlx::query!(
        "insert into reclaim_settlement_lines (case_id, number, kind, tranche_id, gpu_hours, amount)
         select $1, t.number::int4 - 1, t.kind, t.tranche_id, t.gpu_hours, t.amount
         from unnest($2::text[], $3::uuid[], $4::numeric[], $5::numeric[]) with ordinality
             t (kind, tranche_id, gpu_hours, amount, number)",
        settled.case.0,
        &kinds,
        &tranches as &[Option<Uuid>],
        &hours as &[Option<rust_decimal::Decimal>],
        &amounts,
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// The time for which suspensions of the lease are settled already.
pub async fn suspended_time(
    connection: &mut PgConnection,
    lease: LeaseId,
) -> sqlx::Result<Vec<Period>> {
    sqlx::query_as!(
        Period,
        r#"select suspended_from as "starts_at!", suspended_until as "ends_at!" from reclaim_settlements
           where lease_id = $1 and suspended_from is not null"#,
        lease.0,
    )
    .fetch_all(connection)
    .await
}

/// The settlements of `cases`.
pub async fn settlements(
    connection: &mut PgConnection,
    cases: &[ReclaimCaseId],
) -> sqlx::Result<Vec<Settled>> {
    let cases: Vec<Uuid> = cases.iter().map(|case| case.0).collect();
    let heads = sqlx::query!(
        r#"select case_id as "case: ReclaimCaseId", lease_id as "lease: LeaseId", rule as "rule: Rule",
               total as "total: Money", currency, settled_at, suspended_from, suspended_until
           from reclaim_settlements where case_id = any($1) order by case_id desc"#,
        &cases
    )
    .fetch_all(&mut *connection)
    .await?;
    let lines = sqlx::query!(
        r#"select case_id as "case: ReclaimCaseId", kind as "kind: LineKind",
               tranche_id as "tranche: TrancheId", gpu_hours, amount as "amount: Money"
           from reclaim_settlement_lines where case_id = any($1) order by case_id, number"#,
        &cases
    )
    .fetch_all(connection)
    .await?;
    let lines_of = |case: ReclaimCaseId| {
        lines.iter().filter(move |line| line.case == case).map(|line| Line {
            kind: line.kind,
            tranche_id: line.tranche,
            gpu_hours: line.gpu_hours,
            amount: line.amount,
        })
    };
    let settled = heads.into_iter().map(|head| Settled {
        case: head.case,
        lease: head.lease,
        rule: head.rule,
        settlement: Settlement { lines: lines_of(head.case).collect(), total: head.total },
        currency: head.currency,
        settled_at: head.settled_at,
        suspended: head
            .suspended_from
            .zip(head.suspended_until)
            .map(|(starts_at, ends_at)| Period { starts_at, ends_at }),
    });
    Ok(settled.collect())
}

/// The cases with a settlement that `scope` may see, newest first.
pub async fn settled_cases(
    connection: &mut PgConnection,
    scope: Option<Uuid>,
    lease: Option<LeaseId>,
    after: Option<Uuid>,
    limit: i64,
) -> sqlx::Result<Vec<ReclaimCaseId>> {
    sqlx::query_scalar!(
        r#"select s.case_id as "case: ReclaimCaseId"
           from reclaim_settlements s join leases l on l.id = s.lease_id
           where ($1::uuid is null or $1 in (l.tenant_id, l.provider_id))
               and ($2::uuid is null or s.lease_id = $2) and ($3::uuid is null or s.case_id < $3)
           order by s.case_id desc limit $4"#,
        scope,
        lease.map(|id| id.0),
        after,
        limit,
    )
    .fetch_all(connection)
    .await
}
