//! SQL on leases, their tranches and amendments.

use std::collections::HashSet;

use serde::Deserialize;
use sqlx::PgConnection;
use sqlx::types::Json;
use uuid::Uuid;

use rust_decimal::Decimal;

use crate::accounts::Verification;
use crate::db::stored::unreadable;
use crate::kernel::{
    LeaseId, Money, OfferId, OrganizationId, PoolId, ProjectId, QuoteId, Rate, Timestamp, TrancheId,
};
use crate::leases::rules::{
    Charge, ChargeKind, End, EndCode, Lease, PlacementWish, Schedule, Status, Tranche,
};
use crate::supply::{CancellationStep, TermsHash};

struct LeaseRow {
    id: LeaseId,
    tenant_id: OrganizationId,
    provider_id: OrganizationId,
    project_id: Option<ProjectId>,
    tenant_name: String,
    tenant_verification: Verification,
    provider_name: String,
    quote_id: Option<QuoteId>,
    status: Status,
    starts_at: Timestamp,
    ends_at: Timestamp,
    placement: PlacementWish,
    terms_hash: Vec<u8>,
    cancellation: Json<Vec<CancellationStep>>,
    revision: i32,
    created_by: Uuid,
    created_at: Timestamp,
    noticed: bool,
    delayed_until: Option<Timestamp>,
    suspended_until: Option<Timestamp>,
    ended_at: Option<Timestamp>,
    ended_by: Option<String>,
    end_code: Option<EndCode>,
    end_reason: Option<String>,
    tranches: Json<Vec<TrancheRow>>,
    charges: Json<Vec<ChargeRow>>,
}

#[derive(Deserialize)]
struct TrancheRow {
    id: Uuid,
    line_id: Uuid,
    number: i32,
    offer_id: Uuid,
    pool_id: Uuid,
    units: u32,
    gpus: u32,
    mw: Decimal,
    starts_at: Timestamp,
    ends_at: Timestamp,
    rate: Rate,
    price: Money,
}

#[derive(Deserialize)]
struct ChargeRow {
    number: i32,
    kind: ChargeKind,
    amount: Money,
    charged_at: Timestamp,
    waived_at: Option<Timestamp>,
}

impl From<TrancheRow> for Tranche {
    fn from(row: TrancheRow) -> Tranche {
        Tranche {
            id: TrancheId(row.id),
            line: TrancheId(row.line_id),
            number: row.number,
            offer_id: OfferId(row.offer_id),
            pool_id: PoolId(row.pool_id),
            units: row.units,
            gpus: row.gpus,
            mw: row.mw,
            starts_at: row.starts_at,
            ends_at: row.ends_at,
            rate: row.rate,
            price: row.price,
        }
    }
}

impl From<ChargeRow> for Charge {
    fn from(row: ChargeRow) -> Charge {
        let ChargeRow { number, kind, amount, charged_at, waived_at } = row;
        Charge { number, kind, amount, charged_at, waived_at }
    }
}

impl TryFrom<LeaseRow> for Lease {
    type Error = sqlx::Error;
    fn try_from(row: LeaseRow) -> sqlx::Result<Lease> {
        let terms_hash = TermsHash::from_bytes(&row.terms_hash)
            .map_err(|error| unreadable("leases", "terms_hash", row.id, error))?;
        let end = match (row.ended_at, row.ended_by, row.end_code, row.end_reason) {
            (Some(at), Some(by), Some(code), Some(reason)) => Some(End { at, by, code, reason }),
            (None, None, None, None) => None,
            _ => {
                let what = "only a part of its end is written";
                return Err(unreadable("leases", "ended_at", row.id, what));
            }
        };
        Ok(Lease {
            id: row.id,
            tenant_id: row.tenant_id,
            provider_id: row.provider_id,
            project_id: row.project_id,
            tenant_name: row.tenant_name,
            tenant_verification: row.tenant_verification,
            provider_name: row.provider_name,
            quote_id: row.quote_id,
            status: row.status,
            starts_at: row.starts_at,
            ends_at: row.ends_at,
            placement: row.placement,
            terms_hash,
            cancellation: row.cancellation.0,
            revision: row.revision,
            created_by: row.created_by,
            created_at: row.created_at,
            noticed: row.noticed,
            delayed_until: row.delayed_until,
            suspended_until: row.suspended_until,
            end,
            tranches: Schedule::kept(row.tranches.0.into_iter().map(Tranche::from).collect()),
            charges: row.charges.0.into_iter().map(Charge::from).collect(),
        })
    }
}

/// Leases by `$rest`, each with its tranches and charges: one statement, so that all of it is of one moment.
macro_rules! select_leases {
    ($connection:expr, $rest:tt $(, $argument:expr)*) => {
        sqlx::query_as!(
            LeaseRow,
            r#"select id as "id: LeaseId", tenant_id as "tenant_id: OrganizationId",
                   provider_id as "provider_id: OrganizationId", project_id as "project_id: ProjectId",
                   tenant_name, provider_name, quote_id as "quote_id: QuoteId", status as "status: Status",
                   starts_at, ends_at, placement as "placement: PlacementWish", terms_hash,
                   cancellation as "cancellation: Json<Vec<CancellationStep>>", revision, created_by,
                   created_at, noticed, delayed_until, suspended_until, ended_at, ended_by,
                   end_code as "end_code: EndCode", end_reason,
                   (select verification from organizations where id = tenant_id)
                       as "tenant_verification!: Verification",
                   (select coalesce(jsonb_agg(jsonb_build_object('id', t.id, 'line_id', t.line_id,
                        'number', t.number, 'offer_id', t.offer_id, 'pool_id', t.pool_id,
                        'units', t.units, 'gpus', t.gpus, 'mw', t.mw::text, 'starts_at', t.starts_at,
                        'ends_at', t.ends_at, 'rate', t.rate_per_gpu_hour::text,
                        'price', t.price::text) order by t.number), '[]')
                    from tranches t where t.lease_id = leases.id)
                       as "tranches!: Json<Vec<TrancheRow>>",
                   (select coalesce(jsonb_agg(jsonb_build_object('number', c.number, 'kind', c.kind,
                        'amount', c.amount::text, 'charged_at', c.charged_at,
                        'waived_at', c.waived_at) order by c.number), '[]')
                    from lease_charges c where c.lease_id = leases.id)
                       as "charges!: Json<Vec<ChargeRow>>"
               from leases "# + $rest
            $(, $argument)*
        )
        .fetch_all(&mut *$connection)
        .await?
        .into_iter()
        .map(Lease::try_from)
        .collect::<sqlx::Result<Vec<Lease>>>()
    };
}

/// The lease `id`, if `scope` (`None`: anybody's) is its tenant or provider.
///
/// # Errors
/// Those of the database.
pub async fn find(
    connection: &mut PgConnection,
    id: LeaseId,
    scope: Option<Uuid>,
) -> sqlx::Result<Option<Lease>> {
    let leases = select_leases!(
        connection,
        "where id = $1 and ($2::uuid is null or $2 in (tenant_id, provider_id))",
        id.0,
        scope
    );
    Ok(leases?.pop())
}

/// The leases `ids`, in order of their ids.
///
/// # Errors
/// Those of the database.
pub async fn all_of(connection: &mut PgConnection, ids: &[Uuid]) -> sqlx::Result<Vec<Lease>> {
    select_leases!(connection, "where id = any($1) order by id", ids)
}

/// The lease `id`, locked until the transaction ends.
///
/// # Errors
/// Those of the database.
pub async fn locked(connection: &mut PgConnection, id: LeaseId) -> sqlx::Result<Option<Lease>> {
    Ok(all_locked(connection, &[id.0]).await?.pop())
}

/// The leases `ids`, locked until the transaction ends, in order of their ids. They are read in a statement
/// after the one that waits for the locks, so that all of each is as it is now.
///
/// # Errors
/// Those of the database.
pub async fn all_locked(connection: &mut PgConnection, ids: &[Uuid]) -> sqlx::Result<Vec<Lease>> {
    sqlx::query!("select id from leases where id = any($1) order by id for update", ids)
        .fetch_all(&mut *connection)
        .await?;
    all_of(connection, ids).await
}

/// The leases among `ids` that are signed and not over, in order of their ids.
///
/// # Errors
/// Those of the database.
pub async fn running(connection: &mut PgConnection, ids: &[Uuid]) -> sqlx::Result<Vec<Lease>> {
    select_leases!(
        connection,
        "where id = any($1) and status in ('scheduled', 'active') order by id",
        ids
    )
}

/// Those of `ids` that are leases'.
///
/// # Errors
/// Those of the database.
pub async fn known(connection: &mut PgConnection, ids: &[Uuid]) -> sqlx::Result<HashSet<LeaseId>> {
    let found =
        sqlx::query_scalar!(r#"select id as "id: LeaseId" from leases where id = any($1)"#, ids);
    Ok(found.fetch_all(connection).await?.into_iter().collect())
}

/// What a list of leases is narrowed to.
#[derive(Debug, Default)]
pub struct Filter {
    pub scope: Option<Uuid>,
    pub status: Option<Status>,
    pub tenant: Option<Uuid>,
    pub provider: Option<Uuid>,
    pub after: Option<Uuid>,
    pub limit: i64,
}

/// Leases, newest first.
///
/// # Errors
/// Those of the database.
pub async fn list(connection: &mut PgConnection, filter: &Filter) -> sqlx::Result<Vec<Lease>> {
    let status = filter.status.map(Status::as_str);
    // Two index scans and a merge; an `or` over both columns would read the whole table.
    match filter.scope {
        None => select_leases!(
            connection,
            "where ($1::text is null or status = $1) and ($2::uuid is null or tenant_id = $2)
               and ($3::uuid is null or provider_id = $3) and ($4::uuid is null or id < $4)
             order by id desc limit $5",
            status,
            filter.tenant,
            filter.provider,
            filter.after,
            filter.limit
        ),
        Some(scope) => select_leases!(
            connection,
            "where id in (
                 (select id from leases where tenant_id = $1 and ($2::text is null or status = $2)
                    and ($3::uuid is null or tenant_id = $3) and ($4::uuid is null or provider_id = $4)
                    and ($5::uuid is null or id < $5) order by id desc limit $6)
                 union
                 (select id from leases where provider_id = $1 and ($2::text is null or status = $2)
                    and ($3::uuid is null or tenant_id = $3) and ($4::uuid is null or provider_id = $4)
                    and ($5::uuid is null or id < $5) order by id desc limit $6))
             order by id desc limit $6",
            scope,
            status,
            filter.tenant,
            filter.provider,
            filter.after,
            filter.limit
        ),
    }
}

/// Locks and reads those of `ids` that are in `status` and due at `now`: by their start or, if active, by
/// their end. Those that others are working on are left to them, and those from which a reclaim case takes
/// something before then to that case, which may be late when no server was up.
///
/// # Errors
/// Those of the database.
pub async fn due(
    connection: &mut PgConnection,
    ids: &[LeaseId],
    status: Status,
    now: Timestamp,
) -> sqlx::Result<Vec<Lease>> {
    let ids: Vec<Uuid> = ids.iter().map(|id| id.0).collect();
    let due = sqlx::query_scalar!(
        "select id from leases where id = any($1) and status = $2
             and case when status = 'active'
                 then ends_at <= $3 and (taken_at is null or taken_at >= ends_at)
                 else starts_at <= $3 and (taken_at is null or taken_at > starts_at) end
         order by id for update skip locked",
        &ids,
        status.as_str(),
        now
    );
    let ids = due.fetch_all(&mut *connection).await?;
    all_of(connection, &ids).await
}
