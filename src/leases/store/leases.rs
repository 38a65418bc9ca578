//! SQL on leases, their tranches and amendments.

use std::collections::{HashMap, HashSet};

use rust_decimal::Decimal;
use sqlx::PgConnection;
use sqlx::types::Json;
use uuid::Uuid;

use crate::accounts::Verification;
use crate::kernel::{
    LeaseId, Money, OfferId, OrganizationId, Period, PoolId, ProjectId, QuoteId, Rate, Timestamp,
    TrancheId,
};
use crate::leases::rules::{Facts, Status};
use crate::supply::{CancellationStep, TermsHash};

pub use super::changes::{add, adding, change, set_noticed, set_status, set_suspended};

/// A lease as it stands, with its schedule.
#[derive(Debug, Clone)]
pub struct Signed {
    pub id: LeaseId,
    pub tenant_id: OrganizationId,
    pub provider_id: OrganizationId,
    pub project_id: Option<ProjectId>,
    /// As signed.
    pub tenant_name: String,
    /// As it is now, which may not be as it was when the lease was signed.
    pub tenant_verification: Verification,
    /// As signed.
    pub provider_name: String,
    pub quote_id: Option<QuoteId>,
    pub status: Status,
    pub starts_at: Timestamp,
    pub ends_at: Timestamp,
    /// Of the schedule as it stands, and what is owed for what was given back.
    pub price: Money,
    /// `any` or `island`.
    pub placement: String,
    pub terms_hash: TermsHash,
    pub cancellation: Vec<CancellationStep>,
    pub revision: i32,
    pub created_by: Uuid,
    pub created_at: Timestamp,
    /// A reclaim case has been served.
    pub noticed: bool,
    /// Some of its units are delivered late, and come only then.
    pub delayed_until: Option<Timestamp>,
    /// Under a reclaim case it cannot be used until then. Frees nothing.
    pub suspended_until: Option<Timestamp>,
    pub end: Option<End>,
    /// In order of their numbers.
    pub tranches: Vec<Tranche>,
}

/// How a lease came to its end.
#[derive(Debug, Clone)]
pub struct End {
    pub at: Timestamp,
    pub by: String,
    pub code: String,
    pub reason: String,
}

/// One line of a lease's schedule.
#[derive(Debug, Clone)]
pub struct Tranche {
    pub id: TrancheId,
    pub number: i32,
    pub offer_id: OfferId,
    pub pool_id: PoolId,
    pub units: u32,
    pub gpus: u32,
    /// At the meter.
    pub mw: Decimal,
    pub starts_at: Timestamp,
    pub ends_at: Timestamp,
    pub rate: Rate,
    pub price: Money,
}

impl Tranche {
    /// Its period.
    pub fn period(&self) -> Period {
        Period { starts_at: self.starts_at, ends_at: self.ends_at }
    }

    /// GPUs in one of its units.
    pub fn gpus_per_unit(&self) -> u32 {
        self.gpus / self.units.max(1)
    }

    /// Changes its size, and with it its power and price.
    pub fn resize(&mut self, units: u32) {
        self.mw = self.mw * Decimal::from(units) / Decimal::from(self.units.max(1));
        self.gpus = self.gpus_per_unit() * units;
        self.units = units;
        self.reprice();
    }

    /// Computes its price anew.
    pub fn reprice(&mut self) {
        self.price = self.rate.price(self.gpus, self.period());
    }
}

impl Signed {
    /// What its state machine looks at.
    pub fn facts(&self) -> Facts {
        Facts { starts_at: self.starts_at, ends_at: self.ends_at }
    }

    /// The pools that it lies in.
    pub fn pools(&self) -> Vec<PoolId> {
        self.tranches.iter().map(|tranche| tranche.pool_id).collect()
    }

    /// Its tranche `id`.
    pub fn tranche(&self, id: TrancheId) -> Option<&Tranche> {
        self.tranches.iter().find(|tranche| tranche.id == id)
    }
}

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
    price: Money,
    placement: String,
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
    end_code: Option<String>,
    end_reason: Option<String>,
}

struct TrancheRow {
    id: TrancheId,
    lease_id: LeaseId,
    number: i32,
    offer_id: OfferId,
    pool_id: PoolId,
    units: i32,
    gpus: i32,
    mw: Decimal,
    starts_at: Timestamp,
    ends_at: Timestamp,
    rate: Rate,
    price: Money,
}

impl TryFrom<LeaseRow> for Signed {
    type Error = sqlx::Error;
    fn try_from(row: LeaseRow) -> sqlx::Result<Signed> {
        let terms_hash = TermsHash::from_bytes(&row.terms_hash)
            .map_err(|error| sqlx::Error::Decode(error.into()))?;
        let end = match (row.ended_at, row.ended_by, row.end_code, row.end_reason) {
            (Some(at), Some(by), Some(code), Some(reason)) => Some(End { at, by, code, reason }),
            _ => None,
        };
        Ok(Signed {
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
            price: row.price,
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
            tranches: Vec::new(),
        })
    }
}

macro_rules! select_leases {
    ($connection:expr, $rest:tt $(, $argument:expr)*) => {
        sqlx::query_as!(
            LeaseRow,
            r#"select id as "id: LeaseId", tenant_id as "tenant_id: OrganizationId",
                   provider_id as "provider_id: OrganizationId", project_id as "project_id: ProjectId",
                   tenant_name, provider_name, quote_id as "quote_id: QuoteId", status as "status: Status",
                   starts_at, ends_at, price as "price: Money", placement, terms_hash,
                   cancellation as "cancellation: Json<Vec<CancellationStep>>", revision, created_by,
                   created_at, noticed, delayed_until, suspended_until, ended_at, ended_by, end_code,
                   end_reason,
                   (select verification from organizations where id = tenant_id)
                       as "tenant_verification!: Verification"
               from leases "# + $rest
            $(, $argument)*
        )
        .fetch_all(&mut *$connection)
        .await?
        .into_iter()
        .map(Signed::try_from)
        .collect::<sqlx::Result<Vec<Signed>>>()?
    };
}

/// The lease `id`, if `scope` (`None`: anybody's) is its tenant or provider.
///
/// # Errors
/// Those of the database.
pub async fn signed(
    connection: &mut PgConnection,
    id: LeaseId,
    scope: Option<Uuid>,
) -> sqlx::Result<Option<Signed>> {
    let leases = select_leases!(
        connection,
        "where id = $1 and ($2::uuid is null or $2 in (tenant_id, provider_id))",
        id.0,
        scope
    );
    Ok(with_tranches(connection, leases).await?.pop())
}

/// The lease `id`, locked until the transaction ends.
///
/// # Errors
/// Those of the database.
pub async fn locked(connection: &mut PgConnection, id: LeaseId) -> sqlx::Result<Option<Signed>> {
    let leases = select_leases!(connection, "where id = $1 for update", id.0);
    Ok(with_tranches(connection, leases).await?.pop())
}

/// The leases among `ids` that are signed and not over, in order of their ids.
///
/// # Errors
/// Those of the database.
pub async fn running(connection: &mut PgConnection, ids: &[Uuid]) -> sqlx::Result<Vec<Signed>> {
    let leases = select_leases!(
        connection,
        "where id = any($1) and status in ('scheduled', 'active') order by id",
        ids
    );
    with_tranches(connection, leases).await
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
pub async fn list(connection: &mut PgConnection, filter: &Filter) -> sqlx::Result<Vec<Signed>> {
    let status = filter.status.map(Status::as_str);
    // Two index scans and a merge; an `or` over both columns would read the whole table.
    let leases = match filter.scope {
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
    };
    with_tranches(connection, leases).await
}

async fn with_tranches(
    connection: &mut PgConnection,
    mut leases: Vec<Signed>,
) -> sqlx::Result<Vec<Signed>> {
    let ids: Vec<Uuid> = leases.iter().map(|lease| lease.id.0).collect();
    let rows = sqlx::query_as!(
        TrancheRow,
        r#"select id as "id: TrancheId", lease_id as "lease_id: LeaseId", number,
               offer_id as "offer_id: OfferId", pool_id as "pool_id: PoolId", units, gpus, mw, starts_at,
               ends_at, rate_per_gpu_hour as "rate: Rate", price as "price: Money"
           from tranches where lease_id = any($1) order by lease_id, number"#,
        &ids
    )
    .fetch_all(connection)
    .await?;
    let mut places: HashMap<LeaseId, &mut Signed> =
        leases.iter_mut().map(|lease| (lease.id, lease)).collect();
    for row in rows {
        if let Some(lease) = places.get_mut(&row.lease_id) {
            lease.tranches.push(Tranche {
                id: row.id,
                number: row.number,
                offer_id: row.offer_id,
                pool_id: row.pool_id,
                units: u32::try_from(row.units).unwrap_or(0),
                gpus: u32::try_from(row.gpus).unwrap_or(0),
                mw: row.mw,
                starts_at: row.starts_at,
                ends_at: row.ends_at,
                rate: row.rate,
                price: row.price,
            });
        }
    }
    Ok(leases)
}

/// Locks and returns those of `ids` that are in `status` and due at `now`: by their start or, if active, by
/// their end. Those that others are working on are left to them.
///
/// # Errors
/// Those of the database.
pub async fn due(
    connection: &mut PgConnection,
    ids: &[LeaseId],
    status: Status,
    now: Timestamp,
) -> sqlx::Result<Vec<Signed>> {
    let ids: Vec<Uuid> = ids.iter().map(|id| id.0).collect();
    let leases = select_leases!(
        connection,
        "where id = any($1) and status = $2
             and case when status = 'active' then ends_at else starts_at end <= $3
         order by id for update skip locked",
        &ids,
        status.as_str(),
        now
    );
    with_tranches(connection, leases).await
}
