//! SQL on `offers`.

use rust_decimal::Decimal;
use sqlx::PgConnection;
use sqlx::postgres::types::PgRange;
use sqlx::types::Json;
use uuid::Uuid;

use super::listing::{Listing, SiteKind, Verification};
use super::rules::{BookingMode, CancellationStep, OfferState};
use crate::kernel::{OfferId, OrganizationId, Period, PoolId, Rate, SiteId, TermsId, Timestamp};
use crate::supply::TermsHash;
use crate::supply::columns::{count, instants, span, unit_range};

struct Row {
    offer_id: OfferId,
    offer_name: String,
    state: OfferState,
    revision: i32,
    pool_id: PoolId,
    pool_name: String,
    site_id: SiteId,
    site_name: String,
    site_kind: SiteKind,
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
    terms_hash: Vec<u8>,
}

impl TryFrom<Row> for Listing {
    type Error = sqlx::Error;
    fn try_from(row: Row) -> sqlx::Result<Listing> {
        let (starts_at, ends_at) = instants(&row.available)?;
        let hash = TermsHash::from_bytes(&row.terms_hash);
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
            country: row.country,
            provider_id: row.provider_id,
            provider_name: row.provider_name,
            provider_verification: row.provider_verification,
            accelerator_id: row.accelerator_id,
            gpus_per_unit: count(row.gpus_per_unit)?,
            pool_units: count(row.pool_units)?,
            units_per_island: count(row.units_per_island)?,
            kw_per_unit: row.kw_per_unit,
            pue: row.pue,
            pin_lead: span(row.pin_lead_seconds)?,
            units: unit_range(&row.units)?,
            available: Period { starts_at, ends_at },
            rate: row.rate,
            min_gpus: count(row.min_gpus)?,
            max_gpus: count(row.max_gpus)?,
            min_duration: span(row.min_duration_s)?,
            max_duration: span(row.max_duration_s)?,
            lead_time: span(row.lead_time_s)?,
            audience: row.audience.map(|ids| ids.into_iter().map(OrganizationId).collect()),
            booking_mode: row.booking_mode,
            cancellation: row.cancellation.0,
            terms_id: row.terms_id,
            terms_hash: hash.map_err(|error| sqlx::Error::Decode(error.into()))?,
        })
    }
}

/// Reads listings: the columns, said once, and what follows the joins.
macro_rules! select_listings {
    ($connection:expr, $rest:tt $(, $argument:expr)*) => {
        sqlx::query_as!(
            Row,
            r#"select o.id as "offer_id: OfferId", o.name as offer_name, o.state as "state: OfferState",
                   o.revision, o.pool_id as "pool_id: PoolId", p.name as pool_name,
                   s.id as "site_id: SiteId", s.name as site_name, s.kind as "site_kind: SiteKind",
                   s.country, o.provider_id as "provider_id: OrganizationId",
                   g.name as provider_name, g.verification as "provider_verification: Verification",
                   p.accelerator_id, p.gpus_per_unit, p.units as pool_units, p.units_per_island,
                   p.kw_per_unit, s.pue, p.pin_lead_seconds, o.units, o.available,
                   o.rate_per_gpu_hour as "rate: Rate", o.min_gpus, o.max_gpus, o.min_duration_s,
                   o.max_duration_s, o.lead_time_s, o.audience,
                   o.booking_mode as "booking_mode: BookingMode",
                   o.cancellation as "cancellation: Json<Vec<CancellationStep>>",
                   o.terms_id as "terms_id: TermsId", o.terms_hash
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
