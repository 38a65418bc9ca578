//! SQL on `offers`.

use std::collections::HashMap;

use rust_decimal::Decimal;
use serde_json::Value;
use sqlx::PgConnection;
use sqlx::postgres::types::PgRange;
use sqlx::types::Json;
use uuid::Uuid;

use super::listing::Listing;
use super::rules::{BookingMode, CancellationStep, Conditions, OfferState, Standing};
use crate::accounts::Verification;
use crate::db::stored::unwritable;
use crate::db::writes::Writes;
use crate::kernel::text::NotAName;
use crate::kernel::{OfferId, OrganizationId, Period, PoolId, Rate, SiteId, TermsId, Timestamp};
use crate::supply::shared::{Cell, cell};
use crate::supply::sites::{SiteKind, Stage};
use crate::supply::terms::TermsHash;

struct OfferRow {
    offer_id: OfferId,
    offer_name: String,
    state: OfferState,
    revision: i32,
    pool_id: PoolId,
    pool_name: String,
    site_id: SiteId,
    site_name: String,
    site_kind: SiteKind,
    site_stage: Stage,
    country: Option<String>,
    provider_id: OrganizationId,
    provider_name: String,
    provider_verification: Verification,
    accelerator_id: String,
    gpus_per_unit: i32,
    pool_units: i32,
    units_per_island: i32,
    kw_per_unit: Decimal,
    pue: Decimal,
    pin_lead_seconds: i32,
    units: PgRange<i32>,
    available: PgRange<Timestamp>,
    rate: Rate,
    min_gpus: i32,
    max_gpus: i32,
    min_duration_s: i64,
    max_duration_s: i64,
    lead_time_s: i64,
    audience: Option<Vec<Uuid>>,
    booking_mode: BookingMode,
    cancellation: Json<Vec<CancellationStep>>,
    terms_id: TermsId,
    terms_hash: TermsHash,
    stamp: String,
}

impl TryFrom<OfferRow> for Listing {
    type Error = sqlx::Error;
    fn try_from(row: OfferRow) -> sqlx::Result<Listing> {
        let offers = |column| cell("offers", column, row.offer_id);
        let pools = |column| cell("pools", column, row.pool_id);
        let (starts_at, ends_at) = offers("available").instants(&row.available)?;
        Ok(Listing {
            offer_id: row.offer_id,
            offer_name: row.offer_name,
            state: row.state,
            revision: row.revision,
            pool_id: row.pool_id,
            pool_name: row.pool_name,
            site_id: row.site_id,
            site_name: row.site_name,
            site_kind: row.site_kind,
            site_stage: row.site_stage,
            country: row.country,
            provider_id: row.provider_id,
            provider_name: row.provider_name,
            provider_verification: row.provider_verification,
            accelerator_id: row.accelerator_id,
            gpus_per_unit: pools("gpus_per_unit").count(row.gpus_per_unit)?,
            pool_units: pools("units").count(row.pool_units)?,
            units_per_island: pools("units_per_island").count(row.units_per_island)?,
            kw_per_unit: row.kw_per_unit,
            pue: row.pue,
            pin_lead: pools("pin_lead_seconds").span(row.pin_lead_seconds)?,
            units: offers("units").unit_range(&row.units)?,
            available: Period { starts_at, ends_at },
            rate: row.rate,
            min_gpus: offers("min_gpus").count(row.min_gpus)?,
            max_gpus: offers("max_gpus").count(row.max_gpus)?,
            min_duration: offers("min_duration_s").span(row.min_duration_s)?,
            max_duration: offers("max_duration_s").span(row.max_duration_s)?,
            lead_time: offers("lead_time_s").span(row.lead_time_s)?,
            audience: row.audience.map(|ids| ids.into_iter().map(OrganizationId).collect()),
            booking_mode: row.booking_mode,
            cancellation: row.cancellation.0,
            terms_id: row.terms_id,
            terms_hash: row.terms_hash,
            stamp: row.stamp,
        })
    }
}

/// Reads listings: the columns, said once, and what follows the joins.
macro_rules! select_listings {
    ($connection:expr, $rest:tt $(, $argument:expr)*) => {
        sqlx::query_as!(
            OfferRow,
            r#"select o.id as "offer_id: OfferId", o.name as offer_name, o.state as "state: OfferState",
                   o.revision, o.pool_id as "pool_id: PoolId", p.name as pool_name,
                   s.id as "site_id: SiteId", s.name as site_name, s.kind as "site_kind: SiteKind",
                   s.stage as "site_stage: Stage",
                   s.country, o.provider_id as "provider_id: OrganizationId",
                   g.name as provider_name, g.verification as "provider_verification: Verification",
                   p.accelerator_id, p.gpus_per_unit, p.units as pool_units, p.units_per_island,
                   p.kw_per_unit, s.pue, p.pin_lead_seconds, o.units, o.available,
                   o.rate_per_gpu_hour as "rate: Rate", o.min_gpus, o.max_gpus, o.min_duration_s,
                   o.max_duration_s, o.lead_time_s, o.audience,
                   o.booking_mode as "booking_mode: BookingMode",
                   o.cancellation as "cancellation: Json<Vec<CancellationStep>>",
                   o.terms_id as "terms_id: TermsId", o.terms_hash as "terms_hash: TermsHash",
                   concat_ws('.', o.xmin, p.xmin, s.xmin, g.xmin) as "stamp!"
               from offers o
               join pools p on p.id = o.pool_id
               join sites s on s.id = p.site_id
               join organizations g on g.id = o.provider_id "# + $rest
            $(, $argument)*
        )
        .fetch_all($connection)
        .await?
        .into_iter()
        .map(Listing::try_from)
        .collect()
    };
}

/// The listings of `offers` in any state, those that exist, in no order.
///
/// # Errors
/// Those of the database.
pub async fn listings(
    connection: &mut PgConnection,
    offers: &[OfferId],
) -> sqlx::Result<Vec<Listing>> {
    let ids: Vec<Uuid> = offers.iter().map(|id| id.0).collect();
    select_listings!(connection, "where o.id = any($1)", &ids)
}

/// Has `writes` done only if `listings` are still as they were read.
pub fn expect_listings(writes: &mut Writes, listings: &[&Listing]) {
    writes
        .expect(
            listings.len(),
            "select 1 from unnest($1::uuid[], $2::text[]) known (id, stamp)
             join offers o on o.id = known.id
             join pools p on p.id = o.pool_id
             join sites s on s.id = p.site_id
             join organizations g on g.id = o.provider_id
             where concat_ws('.', o.xmin, p.xmin, s.xmin, g.xmin) = known.stamp",
        )
        .bind(listings.iter().map(|listing| listing.offer_id.0).collect::<Vec<_>>())
        .bind(listings.iter().map(|listing| listing.stamp.clone()).collect::<Vec<_>>());
}

/// What is on the market for `tenant` (`None`: for everybody), the cheapest first: published, by
/// verified providers, of one of `accelerators`, in one of `countries`, at `max_rate` or less; `None`
/// leaves a condition out.
///
/// # Errors
/// Those of the database.
pub async fn market(
    connection: &mut PgConnection,
    tenant: Option<OrganizationId>,
    accelerators: Option<&[String]>,
    countries: Option<&[String]>,
    max_rate: Option<Rate>,
) -> sqlx::Result<Vec<Listing>> {
    select_listings!(
        connection,
        "where o.state = 'published' and g.verification = 'verified'
           and (o.audience is null or $1::uuid = any(o.audience))
           and ($2::text[] is null or p.accelerator_id = any($2))
           and ($3::text[] is null or s.country = any($3))
           and ($4::numeric is null or o.rate_per_gpu_hour <= $4)
         order by o.rate_per_gpu_hour, o.id",
        tenant.map(|id| id.0),
        accelerators,
        countries,
        max_rate.map(Rate::decimal)
    )
}

/// Whether a published offer of a pool is for `tenant`.
///
/// # Errors
/// Those of the database.
pub async fn is_offered_to(
    connection: &mut PgConnection,
    pool: PoolId,
    tenant: Option<Uuid>,
) -> sqlx::Result<bool> {
    let found = sqlx::query_scalar!(
        r#"select exists (
               select from offers
               where pool_id = $1 and state = 'published' and (audience is null or $2 = any(audience))
           ) as "found!""#,
        pool.0,
        tenant
    );
    found.fetch_one(connection).await
}

/// Which offers.
#[derive(Debug, Clone, Default)]
pub struct OfferFilter {
    pub state: Option<OfferState>,
    pub accelerator: Option<String>,
    pub country: Option<String>,
    pub site: Option<SiteId>,
    pub pool: Option<PoolId>,
    pub provider: Option<OrganizationId>,
    pub max_rate: Option<Rate>,
}

/// A page of the offers that `scope` may see, newest first: its own in all states, those of others when
/// they are on the market and it is in their audience. Staff (`None`) sees all.
pub async fn list(
    connection: &mut PgConnection,
    scope: Option<Uuid>,
    filter: &OfferFilter,
    after: Option<Uuid>,
    limit: i64,
) -> sqlx::Result<Vec<Listing>> {
    select_listings!(
        connection,
        "where ($1::uuid is null or o.provider_id = $1
             or (o.state = 'published' and g.verification = 'verified'
                 and (o.audience is null or $1 = any(o.audience))))
           and ($2::uuid is null or o.id < $2)
           and ($3::text is null or o.state = $3) and ($4::text is null or p.accelerator_id = $4)
           and ($5::text is null or s.country = $5) and ($6::uuid is null or s.id = $6)
           and ($7::uuid is null or p.id = $7) and ($8::uuid is null or o.provider_id = $8)
           and ($9::numeric is null or o.rate_per_gpu_hour <= $9)
         order by o.id desc limit $10",
        scope,
        after,
        filter.state.map(OfferState::as_str),
        filter.accelerator.as_deref(),
        filter.country.as_deref(),
        filter.site.map(|id| id.0),
        filter.pool.map(|id| id.0),
        filter.provider.map(|id| id.0),
        filter.max_rate.map(Rate::decimal),
        limit
    )
}

/// An offer that `scope` may see, as in [`list`].
pub async fn find(
    connection: &mut PgConnection,
    id: OfferId,
    scope: Option<Uuid>,
) -> sqlx::Result<Option<Listing>> {
    let found: sqlx::Result<Vec<Listing>> = select_listings!(
        connection,
        "where o.id = $1 and ($2::uuid is null or o.provider_id = $2
             or (o.state = 'published' and g.verification = 'verified'
                 and (o.audience is null or $2 = any(o.audience))))",
        id.0,
        scope
    );
    Ok(found?.pop())
}

/// A provider's own offer, locked with its site until the transaction ends, so that the stage of the
/// site stays what it is.
pub async fn lock(
    connection: &mut PgConnection,
    id: OfferId,
    provider: OrganizationId,
) -> sqlx::Result<Option<Listing>> {
    let found: sqlx::Result<Vec<Listing>> = select_listings!(
        connection,
        "where o.id = $1 and o.provider_id = $2 for update of o for share of s",
        id.0,
        provider.0
    );
    Ok(found?.pop())
}

/// A provider's offers of `pools` that are not archived, locked until the transaction ends.
pub async fn lock_of_pools(
    connection: &mut PgConnection,
    pools: &[PoolId],
) -> sqlx::Result<Vec<Listing>> {
    let ids: Vec<Uuid> = pools.iter().map(|id| id.0).collect();
    select_listings!(
        connection,
        "where o.pool_id = any($1) and o.state <> 'archived' order by o.id for update of o",
        &ids
    )
}

/// An offer to be written.
#[derive(Debug, Clone)]
pub struct Written {
    pub id: OfferId,
    pub pool: PoolId,
    pub provider: OrganizationId,
    pub state: OfferState,
    pub revision: i32,
    pub conditions: Conditions,
}

impl Written {
    /// The offer of `listing` as it is.
    ///
    /// # Errors
    /// What the schema rules out.
    pub fn of(listing: &Listing) -> sqlx::Result<Written> {
        let name = listing.offer_name.parse();
        let name = name.map_err(|error: NotAName| sqlx::Error::Decode(error.into()))?;
        Ok(Written {
            id: listing.offer_id,
            pool: listing.pool_id,
            provider: listing.provider_id,
            state: listing.state,
            revision: listing.revision,
            conditions: Conditions {
                name,
                units: listing.units.into(),
                available: listing.available,
                rate_per_gpu_hour: listing.rate,
                min_gpus: listing.min_gpus,
                max_gpus: listing.max_gpus,
                min_duration: listing.min_duration,
                max_duration: listing.max_duration,
                lead_time: listing.lead_time,
                audience: listing.audience.clone(),
                booking_mode: listing.booking_mode,
                cancellation: listing.cancellation.clone(),
                terms_id: listing.terms_id,
                terms_hash: listing.terms_hash,
            },
        })
    }
}

/// What publishing depends on, for every pool of a provider; the sites stay at their stage until the
/// transaction ends.
pub async fn standings(
    connection: &mut PgConnection,
    provider: OrganizationId,
) -> sqlx::Result<HashMap<PoolId, Standing>> {
    let rows = sqlx::query!(
        r#"select p.id as "pool: PoolId", s.stage as "site: Stage",
               g.verification as "provider: Verification"
           from pools p join sites s on s.id = p.site_id join organizations g on g.id = p.provider_id
           where p.provider_id = $1 order by s.id for share of s"#,
        provider.0
    )
    .fetch_all(connection)
    .await?;
    let standing = |provider, site| Standing { provider, site };
    Ok(rows.into_iter().map(|row| (row.pool, standing(row.provider, row.site))).collect())
}

/// Adds offers, or writes what changed about them.
pub async fn write(
    connection: &mut PgConnection,
    offers: &[Written],
    now: Timestamp,
) -> sqlx::Result<()> {
    fn column<T>(offers: &[Written], pick: impl Fn(&Written) -> T) -> Vec<T> {
        offers.iter().map(pick).collect()
    }
    fn converted<T>(
        offers: &[Written],
        name: &'static str,
        pick: impl Fn(&Written, Cell<OfferId>) -> sqlx::Result<T>,
    ) -> sqlx::Result<Vec<T>> {
        offers.iter().map(|one| pick(one, cell("offers", name, one.id))).collect()
    }
    let conditions = |pick: fn(&Conditions) -> i64| column(offers, |one| pick(&one.conditions));
    // An array of arrays has no place for arrays of different lengths, so audiences travel as JSON.
    let audience = |offer: &Written| -> Option<Value> {
        let ids = offer.conditions.audience.as_ref()?.iter();
        Some(ids.map(|id| Value::from(id.0.to_string())).collect())
    };
    let cancellations = converted(offers, "cancellation", |one, cell| {
        serde_json::to_value(&one.conditions.cancellation)
            .map_err(|error| unwritable(cell.table, cell.column, cell.row, error))
    })?;
    sqlx::query!(
        "insert into offers (id, pool_id, provider_id, name, state, units, available, rate_per_gpu_hour,
             min_gpus, max_gpus, min_duration_s, max_duration_s, lead_time_s, audience, booking_mode,
             cancellation, terms_id, terms_hash, revision, created_at)
         select t.id, t.pool, t.provider, t.name, t.state, t.units, t.available, t.rate, t.min_gpus,
             t.max_gpus, t.min_duration, t.max_duration, t.lead_time,
             case when t.audience is not null
                 then array(select jsonb_array_elements_text(t.audience)::uuid) end,
             t.mode, t.cancellation, t.terms, t.hash, t.revision, $20
         from unnest($1::uuid[], $2::uuid[], $3::uuid[], $4::text[], $5::text[], $6::int4range[],
             $7::tstzrange[], $8::numeric[], $9::int4[], $10::int4[], $11::int8[], $12::int8[],
             $13::int8[], $14::jsonb[], $15::text[], $16::jsonb[], $17::uuid[], $18::bytea[], $19::int4[])
             t (id, pool, provider, name, state, units, available, rate, min_gpus, max_gpus,
                min_duration, max_duration, lead_time, audience, mode, cancellation, terms, hash, revision)
         on conflict (id) do update set name = excluded.name, state = excluded.state,
             units = excluded.units, available = excluded.available,
             rate_per_gpu_hour = excluded.rate_per_gpu_hour, min_gpus = excluded.min_gpus,
             max_gpus = excluded.max_gpus, min_duration_s = excluded.min_duration_s,
             max_duration_s = excluded.max_duration_s, lead_time_s = excluded.lead_time_s,
             audience = excluded.audience, booking_mode = excluded.booking_mode,
             cancellation = excluded.cancellation, terms_id = excluded.terms_id,
             terms_hash = excluded.terms_hash, revision = excluded.revision",
        &column(offers, |one| one.id.0),
        &column(offers, |one| one.pool.0),
        &column(offers, |one| one.provider.0),
        &column(offers, |one| one.conditions.name.to_string()),
        &column(offers, |one| one.state.as_str().to_owned()),
        &converted(offers, "units", |one, cell| cell.half_open(one.conditions.units))?,
        &column(offers, |one| PgRange::<Timestamp>::from(one.conditions.available)),
        &column(offers, |one| one.conditions.rate_per_gpu_hour.decimal()),
        &converted(offers, "min_gpus", |one, cell| cell.int(one.conditions.min_gpus))?,
        &converted(offers, "max_gpus", |one, cell| cell.int(one.conditions.max_gpus))?,
        &conditions(|conditions| conditions.min_duration.seconds()),
        &conditions(|conditions| conditions.max_duration.seconds()),
        &conditions(|conditions| conditions.lead_time.seconds()),
        &column(offers, audience) as &[Option<Value>],
        &column(offers, |one| one.conditions.booking_mode.as_str().to_owned()),
        &cancellations,
        &column(offers, |one| one.conditions.terms_id.0),
        &column(offers, |one| one.conditions.terms_hash.0.to_vec()),
        &column(offers, |one| one.revision),
        now,
    )
    .execute(connection)
    .await?;
    Ok(())
}
