//! Making offers, changing them, putting them on the market and taking them off.

use chrono::{DateTime, Utc};
use serde::Deserialize;
use utoipa::ToSchema;

use super::listing::Listing;
use super::rules::{
    BookingMode, CancellationStep, Command, Conditions, OfferState, Standing, decide,
};
use super::store::{self, Written};
use super::view::OfferView;
use crate::accounts;
use crate::api::{Call, Problem, Reply};
use crate::app::{Act, App};
use crate::db::log::Entry;
use crate::kernel::event::Event;
use crate::kernel::{
    Name, OfferId, OrganizationId, PoolId, Rate, Reason, Span, TermsId, Timestamp,
};
use crate::supply::pools::{self, Pool};
use crate::supply::shared::{Invalid, UnitRange, lister};
use crate::supply::terms::{self, TermsHash};

/// An offer to be made.
#[derive(Debug, Clone, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct OfferBody {
    pub pool_id: PoolId,
    pub name: Name,
    pub rate_per_gpu_hour: Rate,
    /// The reclaim terms; a version of your own.
    pub terms_id: TermsId,
    #[serde(flatten)]
    #[schema(inline)]
    pub options: OfferOptions,
}

/// Conditions of an offer that may be left out.
#[derive(Debug, Clone, Default, Deserialize, ToSchema)]
pub struct OfferOptions {
    /// First unit of the part that is offered; 0 unless said otherwise.
    pub first_unit: Option<u32>,
    /// The first unit after it; the end of the pool unless said otherwise.
    pub end_unit: Option<u32>,
    /// Leases begin then or later; now unless said otherwise.
    pub available_from: Option<DateTime<Utc>>,
    /// Leases end then or earlier; no end in sight unless said otherwise.
    pub available_until: Option<DateTime<Utc>>,
    /// A unit unless said otherwise.
    #[schema(minimum = 1)]
    pub min_gpus: Option<u32>,
    /// All that is offered unless said otherwise.
    #[schema(minimum = 1)]
    pub max_gpus: Option<u32>,
    /// An hour unless said otherwise.
    pub min_duration: Option<Span>,
    /// A year of 365 days unless said otherwise.
    pub max_duration: Option<Span>,
    /// Shortest time from booking to the start; none unless said otherwise.
    pub lead_time: Option<Span>,
    /// At most 100 organizations that see it; everybody if empty or left out.
    pub audience: Option<Vec<OrganizationId>>,
    /// Instant unless said otherwise.
    pub booking_mode: Option<BookingMode>,
    /// At most 10 steps, the longest time first; free up to a week before the start and half up to a
    /// day unless said otherwise.
    pub cancellation: Option<Vec<CancellationStep>>,
}

/// What is to change about an offer; what is left out stays. Leases keep what was signed.
#[derive(Debug, Clone, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct OfferChanges {
    pub name: Option<Name>,
    pub rate_per_gpu_hour: Option<Rate>,
    /// The reclaim terms; a version of your own.
    pub terms_id: Option<TermsId>,
    #[serde(flatten)]
    #[schema(inline)]
    pub options: OfferOptions,
}

impl OfferOptions {
    fn put_into(self, conditions: &mut Conditions, pool: &Pool) {
        let old = conditions.units;
        conditions.units = UnitRange {
            first_unit: self.first_unit.unwrap_or(old.first_unit),
            end_unit: self.end_unit.unwrap_or(old.end_unit),
        };
        let most = |units: UnitRange| units.count().saturating_mul(pool.facts.gpus_per_unit);
        if conditions.max_gpus == most(old) {
            conditions.max_gpus = most(conditions.units);
        }
        let set = |period: &mut Timestamp, value: Option<Timestamp>| {
            *period = value.unwrap_or(*period);
        };
        set(&mut conditions.available.starts_at, self.available_from);
        set(&mut conditions.available.ends_at, self.available_until);
        conditions.min_gpus = self.min_gpus.unwrap_or(conditions.min_gpus);
        conditions.max_gpus = self.max_gpus.unwrap_or(conditions.max_gpus);
        conditions.min_duration = self.min_duration.unwrap_or(conditions.min_duration);
        conditions.max_duration = self.max_duration.unwrap_or(conditions.max_duration);
        conditions.lead_time = self.lead_time.unwrap_or(conditions.lead_time);
        conditions.booking_mode = self.booking_mode.unwrap_or(conditions.booking_mode);
        if let Some(mut audience) = self.audience {
            audience.sort_unstable();
            audience.dedup();
            conditions.audience = Some(audience).filter(|audience| !audience.is_empty());
        }
        if let Some(cancellation) = self.cancellation {
            conditions.cancellation = cancellation;
        }
    }
}

/// Makes an offer, as a draft.
pub async fn create(app: &App, call: &Call, body: OfferBody) -> Result<Reply, Problem> {
    let mut act = app.begin(call).await?;
    let provider = lister(&mut act, &call.caller).await?;
    let pool = own_pool(&mut act, body.pool_id, provider).await?;
    let terms = own_terms(&mut act, body.terms_id, provider).await?;
    let rate = body.rate_per_gpu_hour;
    let mut conditions = Conditions::usual(body.name, &pool, rate, terms, act.now);
    body.options.put_into(&mut conditions, &pool);
    conditions.check(&pool)?;
    check_audience(&mut act, &conditions).await?;
    let offer = Written {
        id: OfferId::new(act.now),
        pool: pool.id,
        provider,
        state: OfferState::Draft,
        revision: 1,
        conditions,
    };
    let now = act.now;
    store::write(&mut act, std::slice::from_ref(&offer), now).await?;
    act.log(Entry::new(Event::OfferCreated, offer.id).provider(provider).after(&offer.conditions));
    let listing = reread(&mut act, offer.id).await?;
    let view = OfferView::of(app, &listing, Some(&call.caller));
    act.finish(Reply::created(&view).revision(1)).await
}

async fn own_pool(act: &mut Act, id: PoolId, provider: OrganizationId) -> Result<Pool, Problem> {
    let pool = pools::store::find(act, id, Some(provider.0)).await?;
    pool.ok_or_else(|| Problem::not_found("pool", id))
}

async fn own_terms(
    act: &mut Act,
    id: TermsId,
    provider: OrganizationId,
) -> Result<(TermsId, TermsHash), Problem> {
    let terms = terms::store::own(act, id, provider).await?;
    let terms = terms.ok_or_else(|| terms::Error::Unknown(id.to_string()))?;
    Ok((terms.id, terms.hash))
}

async fn check_audience(act: &mut Act, conditions: &Conditions) -> Result<(), Problem> {
    let Some(audience) = &conditions.audience else { return Ok(()) };
    let known = accounts::parties(act, audience).await?;
    match audience.iter().find(|id| !known.contains_key(id)) {
        Some(unknown) => {
            let detail = format!("there is no organization {unknown}");
            Err(Invalid::new("audience", detail).into())
        }
        None => Ok(()),
    }
}

async fn reread(act: &mut Act, id: OfferId) -> Result<Listing, Problem> {
    let listing = store::listings(act, &[id]).await?.pop();
    listing.ok_or_else(|| Problem::not_found("offer", id))
}

/// The caller's offer `id` as it is, locked.
async fn lock(
    act: &mut Act,
    call: &Call,
    id: OfferId,
) -> Result<(OrganizationId, Listing), Problem> {
    let provider = lister(act, &call.caller).await?;
    let listing = store::lock(act, id, provider).await?;
    let listing = listing.ok_or_else(|| Problem::not_found("offer", id))?;
    call.check_revision(listing.revision)?;
    Ok((provider, listing))
}

/// Changes the conditions of an offer.
pub async fn change(
    app: &App,
    call: &Call,
    id: OfferId,
    changes: OfferChanges,
) -> Result<Reply, Problem> {
    let mut act = app.begin(call).await?;
    let (provider, listing) = lock(&mut act, call, id).await?;
    decide(listing.state, Command::Change, Standing::of(&listing))?;
    let pool = own_pool(&mut act, listing.pool_id, provider).await?;
    let before = Written::of(&listing)?.conditions;
    let mut after = before.clone();
    if let Some(terms_id) = changes.terms_id {
        (after.terms_id, after.terms_hash) = own_terms(&mut act, terms_id, provider).await?;
    }
    after.name = changes.name.unwrap_or(after.name);
    after.rate_per_gpu_hour = changes.rate_per_gpu_hour.unwrap_or(after.rate_per_gpu_hour);
    changes.options.put_into(&mut after, &pool);
    after.check(&pool)?;
    check_audience(&mut act, &after).await?;
    let entry =
        Entry::new(Event::OfferChanged, id).provider(provider).before(&before).after(&after);
    write(app, act, listing, listing_state, after, entry).await
}

/// Publishes, pauses or archives an offer.
pub async fn apply(
    app: &App,
    call: &Call,
    id: OfferId,
    command: Command,
    reason: Option<Reason>,
) -> Result<Reply, Problem> {
    let mut act = app.begin(call).await?;
    let (provider, listing) = lock(&mut act, call, id).await?;
    let state = decide(listing.state, command, Standing::of(&listing))?;
    let action = match command {
        Command::Change => Event::OfferChanged,
        Command::Publish => Event::OfferPublished,
        Command::Pause => Event::OfferPaused,
        Command::Archive => Event::OfferArchived,
    };
    let state_of = |state: OfferState| serde_json::json!({ "state": state });
    let entry = Entry::new(action, id)
        .provider(provider)
        .before(state_of(listing.state))
        .after(state_of(state))
        .reason(reason.as_ref().map_or("", Reason::as_str));
    let conditions = Written::of(&listing)?.conditions;
    write(app, act, listing, |_| state, conditions, entry).await
}

fn listing_state(listing: &Listing) -> OfferState {
    listing.state
}

async fn write(
    app: &App,
    mut act: Act,
    listing: Listing,
    state: impl FnOnce(&Listing) -> OfferState,
    conditions: Conditions,
    entry: Entry,
) -> Result<Reply, Problem> {
    let offer = Written {
        id: listing.offer_id,
        pool: listing.pool_id,
        provider: listing.provider_id,
        state: state(&listing),
        revision: listing.revision + 1,
        conditions,
    };
    let now = act.now;
    store::write(&mut act, std::slice::from_ref(&offer), now).await?;
    act.log(entry);
    let listing = reread(&mut act, offer.id).await?;
    let view = OfferView::of(app, &listing, Some(&act.call.caller));
    act.finish(Reply::ok(&view).revision(offer.revision)).await
}

impl Standing {
    /// That of the provider and site of `listing`.
    pub fn of(listing: &Listing) -> Standing {
        Standing { provider: listing.provider_verification, site: listing.site_stage }
    }
}
