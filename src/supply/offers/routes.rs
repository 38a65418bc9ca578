//! `/v1/offers`.

use std::collections::BTreeMap;

use axum::extract::State;
use chrono::{DateTime, Utc};
use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;
use uuid::Uuid;

use super::actions::{self, OfferBody, OfferChanges};
use super::listing::Listing;
use super::rules::{BookingMode, CancellationStep, Command, OfferState, Standing, decide};
use super::store::{self, OfferFilter};
use crate::accounts::Verification;
use crate::api::call::Id;
use crate::api::problem::Refused;
use crate::api::{Call, List, Page, Params, Problem, Reply, Write};
use crate::app::App;
use crate::kernel::{
    Caller, OfferId, OrganizationId, PoolId, Rate, Reason, Role, SiteId, Span, TermsId,
};
use crate::supply::TermsHash;
use crate::supply::rules::Quantity;
use crate::supply::sites::SiteKind;

pub fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new()
        .routes(routes!(create_offer, list_offers))
        .routes(routes!(show_offer, change_offer))
        .routes(routes!(publish_offer))
        .routes(routes!(pause_offer))
        .routes(routes!(archive_offer))
}

/// An offer, with its pool, site and provider.
#[derive(Debug, Serialize, ToSchema)]
pub struct OfferView {
    id: OfferId,
    name: String,
    state: OfferState,
    revision: i32,
    pool_id: PoolId,
    pool_name: String,
    site_id: SiteId,
    site_name: String,
    site_kind: SiteKind,
    /// `null` in orbit.
    country: Option<String>,
    provider_id: OrganizationId,
    provider_name: String,
    provider_verification: Verification,
    accelerator: String,
    gpus_per_unit: u32,
    units_per_island: u32,
    /// First unit of the part of the pool that is offered.
    first_unit: u32,
    /// The first unit after it.
    end_unit: u32,
    /// GPUs of that part.
    gpus: u32,
    /// Its power at the meter.
    #[schema(value_type = String)]
    mw: Decimal,
    kw_per_unit: Quantity,
    pue: Quantity,
    /// Unit numbers are handed out this long before the start.
    pin_lead: Span,
    rate_per_gpu_hour: Rate,
    /// ISO 4217.
    currency: String,
    booking_mode: BookingMode,
    min_gpus: u32,
    max_gpus: u32,
    min_duration: Span,
    max_duration: Span,
    lead_time: Span,
    available_from: DateTime<Utc>,
    available_until: DateTime<Utc>,
    /// Who sees it, for its provider to know; `null` if that is everybody.
    #[serde(skip_serializing_if = "Option::is_none")]
    audience: Option<Vec<OrganizationId>>,
    cancellation: Vec<CancellationStep>,
    terms_id: TermsId,
    terms_hash: TermsHash,
    /// What you can do with it now.
    can: Vec<Command>,
    /// What its provider could do and you cannot now, with the reason.
    cannot: BTreeMap<String, String>,
}

impl OfferView {
    /// `listing` as `caller` sees it.
    pub fn of(app: &App, listing: &Listing, caller: Option<&Caller>) -> OfferView {
        let is_own = caller.and_then(Caller::organization) == Some(listing.provider_id);
        let mut view = OfferView {
            id: listing.offer_id,
            name: listing.offer_name.clone(),
            state: listing.state,
            revision: listing.revision,
            pool_id: listing.pool_id,
            pool_name: listing.pool_name.clone(),
            site_id: listing.site_id,
            site_name: listing.site_name.clone(),
            site_kind: listing.site_kind,
            country: listing.country.clone(),
            provider_id: listing.provider_id,
            provider_name: listing.provider_name.clone(),
            provider_verification: listing.provider_verification,
            accelerator: listing.accelerator_id.clone(),
            gpus_per_unit: listing.gpus_per_unit,
            units_per_island: listing.units_per_island,
            first_unit: listing.units.0,
            end_unit: listing.units.1,
            gpus: listing.gpus(listing.units.1 - listing.units.0),
            mw: listing.mw(listing.units.1 - listing.units.0),
            kw_per_unit: Quantity(listing.kw_per_unit),
            pue: Quantity(listing.pue),
            pin_lead: listing.pin_lead,
            rate_per_gpu_hour: listing.rate,
            currency: app.config.currency.clone(),
            booking_mode: listing.booking_mode,
            min_gpus: listing.min_gpus,
            max_gpus: listing.max_gpus,
            min_duration: listing.min_duration,
            max_duration: listing.max_duration,
            lead_time: listing.lead_time,
            available_from: listing.available.starts_at,
            available_until: listing.available.ends_at,
            audience: listing.audience.clone().filter(|_| is_own),
            cancellation: listing.cancellation.clone(),
            terms_id: listing.terms_id,
            terms_hash: listing.terms_hash,
            can: Vec::new(),
            cannot: BTreeMap::new(),
        };
        if is_own {
            view.try_commands(listing, caller.is_some_and(|caller| caller.has_role(Role::Manager)));
        }
        view
    }

    fn try_commands(&mut self, listing: &Listing, manages: bool) {
        for command in Command::ALL {
            let name = format!("{command:?}").to_lowercase();
            match decide(listing.state, command, Standing::of(listing)) {
                _ if !manages => {
                    let reason = "a viewer may look; a manager or owner does this";
                    self.cannot.insert(name, reason.to_owned());
                }
                Ok(_) => self.can.push(command),
                Err(refusal) => drop(self.cannot.insert(name, refusal.to_string())),
            }
        }
    }
}

/// Makes an offer of a pool or a part of it, as a draft
#[utoipa::path(post, path = "/v1/offers", tag = "offers", request_body = OfferBody, responses(
    (status = 201, body = OfferView), (status = "4XX", body = Refused)))]
async fn create_offer(
    State(app): State<App>,
    Write { call, body }: Write<OfferBody>,
) -> Result<Reply, Problem> {
    actions::create(&app, &call, body).await
}

/// Which offers.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
struct OfferQuery {
    /// Only your organization's, in whatever state.
    #[serde(default)]
    mine: bool,
    state: Option<OfferState>,
    /// Only of this accelerator: `h100-sxm`.
    accelerator: Option<String>,
    /// Only in this country: `DE`.
    country: Option<String>,
    site_id: Option<SiteId>,
    pool_id: Option<PoolId>,
    provider_id: Option<OrganizationId>,
    /// Only up to this rate per GPU and hour: `2.50`.
    max_rate: Option<Rate>,
}

/// What `caller` sees: nobody in particular is in no audience.
fn scope_of(call: Option<&Call>) -> Option<Uuid> {
    call.map_or(Some(Uuid::nil()), |call| call.caller.scope())
}

/// The offers on the market, and your organization's own in all states, newest first; open to everybody
#[utoipa::path(get, path = "/v1/offers", tag = "offers", params(Page, OfferQuery), security((), ("bearer" = [])),
    responses((status = 200, body = List<OfferView>), (status = "4XX", body = Refused)))]
async fn list_offers(
    State(app): State<App>,
    call: Option<Call>,
    Params(page): Params<Page>,
    Params(query): Params<OfferQuery>,
) -> Result<Reply, Problem> {
    let (limit, after) = (page.fetch()?, page.after()?);
    let caller = call.as_ref().map(|call| call.caller);
    let mut filter = OfferFilter {
        state: query.state,
        accelerator: query.accelerator,
        country: query.country.map(|country| country.to_ascii_uppercase()),
        site: query.site_id,
        pool: query.pool_id,
        provider: query.provider_id,
        max_rate: query.max_rate,
    };
    if query.mine {
        let own = caller.and_then(|caller| caller.organization());
        filter.provider = Some(own.ok_or_else(|| {
            Problem::malformed("invalid_query", "mine=true is for members of an organization")
        })?);
    }
    let mut connection = app.db.acquire().await?;
    let scope = scope_of(call.as_ref());
    let listings = store::list(&mut connection, scope, &filter, after, limit).await?;
    let views = listings.iter().map(|listing| OfferView::of(&app, listing, caller.as_ref()));
    Ok(Reply::ok(&List::new(views.collect(), &page, |view: &OfferView| view.id.0)))
}

/// One offer; open to everybody while it is on the market
#[utoipa::path(get, path = "/v1/offers/{id}", tag = "offers", params(("id" = OfferId, Path)),
    security((), ("bearer" = [])),
    responses((status = 200, body = OfferView), (status = "4XX", body = Refused)))]
async fn show_offer(
    State(app): State<App>,
    call: Option<Call>,
    Id(id): Id<OfferId>,
) -> Result<Reply, Problem> {
    let mut connection = app.db.acquire().await?;
    let listing = store::find(&mut connection, id, scope_of(call.as_ref())).await?;
    let listing = listing.ok_or_else(|| Problem::not_found("offer", id))?;
    let view = OfferView::of(&app, &listing, call.as_ref().map(|call| &call.caller));
    Ok(Reply::ok(&view).revision(listing.revision))
}

/// Changes an offer; leases keep what was signed
#[utoipa::path(patch, path = "/v1/offers/{id}", tag = "offers", params(("id" = OfferId, Path)),
    request_body = OfferChanges,
    responses((status = 200, body = OfferView), (status = "4XX", body = Refused)))]
async fn change_offer(
    State(app): State<App>,
    Id(id): Id<OfferId>,
    Write { call, body }: Write<OfferChanges>,
) -> Result<Reply, Problem> {
    actions::change(&app, &call, id, body).await
}

/// Why, if that is worth saying.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct OfferActBody {
    reason: Option<Reason>,
}

/// Puts an offer on the market
#[utoipa::path(post, path = "/v1/offers/{id}/publish", tag = "offers", params(("id" = OfferId, Path)),
    request_body = OfferActBody,
    responses((status = 200, body = OfferView), (status = "4XX", body = Refused)))]
async fn publish_offer(
    State(app): State<App>,
    Id(id): Id<OfferId>,
    Write { call, body }: Write<OfferActBody>,
) -> Result<Reply, Problem> {
    actions::apply(&app, &call, id, Command::Publish, body.reason).await
}

/// Takes an offer off the market for a while; leases go on
#[utoipa::path(post, path = "/v1/offers/{id}/pause", tag = "offers", params(("id" = OfferId, Path)),
    request_body = OfferActBody,
    responses((status = 200, body = OfferView), (status = "4XX", body = Refused)))]
async fn pause_offer(
    State(app): State<App>,
    Id(id): Id<OfferId>,
    Write { call, body }: Write<OfferActBody>,
) -> Result<Reply, Problem> {
    actions::apply(&app, &call, id, Command::Pause, body.reason).await
}

/// Takes an offer off the market for good; leases go on
#[utoipa::path(post, path = "/v1/offers/{id}/archive", tag = "offers", params(("id" = OfferId, Path)),
    request_body = OfferActBody,
    responses((status = 200, body = OfferView), (status = "4XX", body = Refused)))]
async fn archive_offer(
    State(app): State<App>,
    Id(id): Id<OfferId>,
    Write { call, body }: Write<OfferActBody>,
) -> Result<Reply, Problem> {
    actions::apply(&app, &call, id, Command::Archive, body.reason).await
}
