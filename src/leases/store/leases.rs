//! SQL on leases, their tranches and amendments.

use std::collections::HashSet;

use rust_decimal::Decimal;
use serde_json::Value;
use sqlx::PgConnection;
use sqlx::types::Json;
use uuid::Uuid;

use crate::kernel::{
    AmendmentId, CancellationQuoteId, LeaseId, Money, OfferId, OrganizationId, Period, PoolId,
    ProjectId, QuoteId, Rate, Timestamp, TrancheId,
};
use crate::leases::rules::{Facts, Status};
use crate::supply::{CancellationStep, TermsHash};

/// A lease as it stands, with its schedule.
#[derive(Debug, Clone)]
pub struct Signed {
    pub id: LeaseId,
    pub tenant_id: OrganizationId,
    pub provider_id: OrganizationId,
    pub project_id: Option<ProjectId>,
    /// As signed.
    pub tenant_name: String,
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
                   created_at, noticed, ended_at, ended_by, end_code, end_reason
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
    for row in rows {
        if let Some(lease) = leases.iter_mut().find(|lease| lease.id == row.lease_id) {
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

/// Adds leases with their tranches, two statements for all of them.
///
/// # Errors
/// Those of the database.
pub async fn add(connection: &mut PgConnection, leases: &[&Signed]) -> sqlx::Result<()> {
    macro_rules! column {
        ($rows:expr, $row:ident => $value:expr) => {
            &$rows.iter().map(|$row| $value).collect::<Vec<_>>()
        };
    }
    sqlx::query!(
        "insert into leases (id, tenant_id, provider_id, project_id, tenant_name, provider_name, quote_id,
             status, starts_at, ends_at, price, placement, terms_hash, cancellation, revision, created_by,
             created_at)
         select * from unnest($1::uuid[], $2::uuid[], $3::uuid[], $4::uuid[], $5::text[], $6::text[],
             $7::uuid[], $8::text[], $9::timestamptz[], $10::timestamptz[], $11::numeric[], $12::text[],
             $13::bytea[], $14::jsonb[], $15::int4[], $16::uuid[], $17::timestamptz[])",
        column!(leases, lease => lease.id.0),
        column!(leases, lease => lease.tenant_id.0),
        column!(leases, lease => lease.provider_id.0),
        column!(leases, lease => lease.project_id.map(|id| id.0)) as &[Option<Uuid>],
        column!(leases, lease => lease.tenant_name.clone()),
        column!(leases, lease => lease.provider_name.clone()),
        column!(leases, lease => lease.quote_id.map(|id| id.0)) as &[Option<Uuid>],
        column!(leases, lease => lease.status.as_str().to_owned()),
        column!(leases, lease => lease.starts_at),
        column!(leases, lease => lease.ends_at),
        column!(leases, lease => lease.price.decimal()),
        column!(leases, lease => lease.placement.clone()),
        column!(leases, lease => lease.terms_hash.0.to_vec()),
        column!(leases, lease => serde_json::to_value(&lease.cancellation).unwrap_or(Value::Null)),
        column!(leases, lease => lease.revision),
        column!(leases, lease => lease.created_by),
        column!(leases, lease => lease.created_at),
    )
    .execute(&mut *connection)
    .await?;
    let tranches: Vec<(LeaseId, &Tranche)> = leases
        .iter()
        .flat_map(|lease| lease.tranches.iter().map(|tranche| (lease.id, tranche)))
        .collect();
    add_tranches(connection, &tranches).await
}

async fn add_tranches(
    connection: &mut PgConnection,
    tranches: &[(LeaseId, &Tranche)],
) -> sqlx::Result<()> {
    macro_rules! column {
        ($row:ident => $value:expr) => {
            &tranches.iter().map(|(_, $row)| $value).collect::<Vec<_>>()
        };
    }
    let leases: Vec<Uuid> = tranches.iter().map(|(lease, _)| lease.0).collect();
    sqlx::query!(
        "insert into tranches (lease_id, id, number, offer_id, pool_id, units, gpus, mw, starts_at, ends_at,
             rate_per_gpu_hour, price)
         select * from unnest($1::uuid[], $2::uuid[], $3::int4[], $4::uuid[], $5::uuid[], $6::int4[],
             $7::int4[], $8::numeric[], $9::timestamptz[], $10::timestamptz[], $11::numeric[], $12::numeric[])",
        &leases,
        column!(tranche => tranche.id.0),
        column!(tranche => tranche.number),
        column!(tranche => tranche.offer_id.0),
        column!(tranche => tranche.pool_id.0),
        column!(tranche => i32::try_from(tranche.units).unwrap_or(i32::MAX)),
        column!(tranche => i32::try_from(tranche.gpus).unwrap_or(i32::MAX)),
        column!(tranche => tranche.mw),
        column!(tranche => tranche.starts_at),
        column!(tranche => tranche.ends_at),
        column!(tranche => tranche.rate.decimal()),
        column!(tranche => tranche.price.decimal()),
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// Writes a lease that was `before` and is `after`, if it still is as it was.
///
/// # Errors
/// [`sqlx::Error::RowNotFound`] if its revision moved on; those of the database.
pub async fn change(
    connection: &mut PgConnection,
    before: &Signed,
    after: &Signed,
) -> sqlx::Result<()> {
    let end = after.end.as_ref();
    let done = sqlx::query!(
        "update leases set status = $3, starts_at = $4, ends_at = $5, price = $6, revision = $7, noticed = $8,
             ended_at = $9, ended_by = $10, end_code = $11, end_reason = $12
         where id = $1 and revision = $2",
        before.id.0,
        before.revision,
        after.status.as_str(),
        after.starts_at,
        after.ends_at,
        after.price.decimal(),
        after.revision,
        after.noticed,
        end.map(|end| end.at),
        end.map(|end| end.by.as_str()),
        end.map(|end| end.code.as_str()),
        end.map(|end| end.reason.as_str()),
    )
    .execute(&mut *connection)
    .await?;
    if done.rows_affected() != 1 {
        return Err(sqlx::Error::RowNotFound);
    }
    sqlx::query!("delete from tranches where lease_id = $1", before.id.0)
        .execute(&mut *connection)
        .await?;
    let tranches: Vec<(LeaseId, &Tranche)> =
        after.tranches.iter().map(|tranche| (after.id, tranche)).collect();
    add_tranches(connection, &tranches).await
}

/// A change of a lease, for the record.
#[derive(Debug)]
pub struct Amendment {
    pub id: AmendmentId,
    pub lease_id: LeaseId,
    /// `extend`, `shrink`, `cancel`, `end` or `reclaim`.
    pub kind: String,
    /// The lease's after it.
    pub revision: i32,
    /// Change of the lease's price.
    pub price: Money,
    pub terms: Value,
    pub created_by: Uuid,
    pub created_at: Timestamp,
}

/// The amendments of a lease, oldest first.
///
/// # Errors
/// Those of the database.
pub async fn amendments(
    connection: &mut PgConnection,
    lease: LeaseId,
) -> sqlx::Result<Vec<Amendment>> {
    sqlx::query_as!(
        Amendment,
        r#"select id as "id: AmendmentId", lease_id as "lease_id: LeaseId", kind, revision,
               price as "price: Money", terms, created_by, created_at
           from amendments where lease_id = $1 order by revision"#,
        lease.0
    )
    .fetch_all(connection)
    .await
}

/// Adds an amendment.
///
/// # Errors
/// Those of the database.
pub async fn add_amendment(
    connection: &mut PgConnection,
    amendment: &Amendment,
) -> sqlx::Result<()> {
    sqlx::query!(
        "insert into amendments (id, lease_id, kind, revision, price, terms, created_by, created_at)
         values ($1, $2, $3, $4, $5, $6, $7, $8)",
        amendment.id.0,
        amendment.lease_id.0,
        amendment.kind,
        amendment.revision,
        amendment.price.decimal(),
        amendment.terms,
        amendment.created_by,
        amendment.created_at
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// Says whether a served reclaim case is open against a lease.
///
/// # Errors
/// Those of the database.
pub async fn set_noticed(
    connection: &mut PgConnection,
    id: LeaseId,
    noticed: bool,
) -> sqlx::Result<()> {
    sqlx::query!(
        "update leases set noticed = $2, revision = revision + 1 where id = $1",
        id.0,
        noticed
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// Locks and says the leases that are in `status` and due at `now`: by their start, or, if active, by
/// their end. Those that others are working on are left to them.
///
/// # Errors
/// Those of the database.
pub async fn due(
    connection: &mut PgConnection,
    status: Status,
    now: Timestamp,
    limit: i64,
) -> sqlx::Result<Vec<Signed>> {
    let leases = if status == Status::Active {
        select_leases!(
            connection,
            "where status = 'active' and ends_at <= $1 order by ends_at limit $2 for update skip locked",
            now,
            limit
        )
    } else {
        select_leases!(
            connection,
            "where status in ('requested', 'scheduled') and status = $3 and starts_at <= $1
             order by starts_at limit $2 for update skip locked",
            now,
            limit,
            status.as_str()
        )
    };
    with_tranches(connection, leases).await
}

/// Gives leases another status; each gets a new revision, and those that are over their end.
///
/// # Errors
/// Those of the database.
pub async fn set_status(connection: &mut PgConnection, leases: &[Signed]) -> sqlx::Result<()> {
    let ids: Vec<Uuid> = leases.iter().map(|lease| lease.id.0).collect();
    let statuses: Vec<String> =
        leases.iter().map(|lease| lease.status.as_str().to_owned()).collect();
    let revisions: Vec<i32> = leases.iter().map(|lease| lease.revision).collect();
    let ends: Vec<Option<&End>> = leases.iter().map(|lease| lease.end.as_ref()).collect();
    let at: Vec<Option<Timestamp>> = ends.iter().map(|end| end.map(|end| end.at)).collect();
    let by: Vec<Option<String>> = ends.iter().map(|end| end.map(|end| end.by.clone())).collect();
    let code: Vec<Option<String>> =
        ends.iter().map(|end| end.map(|end| end.code.clone())).collect();
    let reason: Vec<Option<String>> =
        ends.iter().map(|end| end.map(|end| end.reason.clone())).collect();
    sqlx::query!(
        "update leases set status = new.status, revision = new.revision, ended_at = new.ended_at,
             ended_by = new.ended_by, end_code = new.end_code, end_reason = new.end_reason
         from unnest($1::uuid[], $2::text[], $3::int4[], $4::timestamptz[], $5::text[], $6::text[], $7::text[])
             new (id, status, revision, ended_at, ended_by, end_code, end_reason)
         where leases.id = new.id",
        &ids,
        &statuses,
        &revisions,
        &at as &[Option<Timestamp>],
        &by as &[Option<String>],
        &code as &[Option<String>],
        &reason as &[Option<String>],
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// What ending a lease would cost, as it was told.
#[derive(Debug, Clone)]
pub struct CancellationQuote {
    pub id: CancellationQuoteId,
    pub lease_id: LeaseId,
    pub revision: i32,
    pub effective_at: Timestamp,
    pub charge: Money,
    pub refund: Money,
    pub expires_at: Timestamp,
    pub used_at: Option<Timestamp>,
}

/// Keeps a cancellation quote.
///
/// # Errors
/// Those of the database.
pub async fn add_cancellation_quote(
    connection: &mut PgConnection,
    quote: &CancellationQuote,
    now: Timestamp,
) -> sqlx::Result<()> {
    sqlx::query!(
        "insert into cancellation_quotes (id, lease_id, revision, effective_at, charge, refund, created_at, expires_at)
         values ($1, $2, $3, $4, $5, $6, $7, $8)",
        quote.id.0,
        quote.lease_id.0,
        quote.revision,
        quote.effective_at,
        quote.charge.decimal(),
        quote.refund.decimal(),
        now,
        quote.expires_at
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// The cancellation quote `id` of a lease, locked.
///
/// # Errors
/// Those of the database.
pub async fn cancellation_quote(
    connection: &mut PgConnection,
    lease: LeaseId,
    id: CancellationQuoteId,
) -> sqlx::Result<Option<CancellationQuote>> {
    sqlx::query_as!(
        CancellationQuote,
        r#"select id as "id: CancellationQuoteId", lease_id as "lease_id: LeaseId", revision, effective_at,
               charge as "charge: Money", refund as "refund: Money", expires_at, used_at
           from cancellation_quotes where id = $1 and lease_id = $2 for update"#,
        id.0,
        lease.0
    )
    .fetch_optional(connection)
    .await
}

/// Marks a cancellation quote as used.
///
/// # Errors
/// Those of the database.
pub async fn use_cancellation_quote(
    connection: &mut PgConnection,
    id: CancellationQuoteId,
    now: Timestamp,
) -> sqlx::Result<()> {
    sqlx::query!("update cancellation_quotes set used_at = $2 where id = $1", id.0, now)
        .execute(connection)
        .await?;
    Ok(())
}

/// Whether a project is the organization's.
///
/// # Errors
/// Those of the database.
pub async fn projects_of(
    connection: &mut PgConnection,
    projects: &[Uuid],
) -> sqlx::Result<Vec<(ProjectId, OrganizationId)>> {
    let rows = sqlx::query!(
        r#"select id as "id: ProjectId", organization_id as "organization_id: OrganizationId"
           from projects where id = any($1)"#,
        projects
    )
    .fetch_all(connection)
    .await?;
    Ok(rows.into_iter().map(|row| (row.id, row.organization_id)).collect())
}
