//! `/v1/offers`.

use axum::extract::State;
use serde::Deserialize;
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;
use uuid::Uuid;

use super::actions::{self, OfferBody, OfferChanges};
use super::rules::{Command, OfferState};
use super::store::{self, OfferFilter};
use super::view::OfferView;
use crate::api::call::Id;
use crate::api::problem::Refused;
use crate::api::{Call, List, Page, Params, Problem, Reply, Write};
use crate::app::App;
use crate::kernel::{OfferId, OrganizationId, PoolId, Rate, Reason, SiteId};

pub fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new()
        .routes(routes!(create_offer, list_offers))
        .routes(routes!(show_offer, change_offer))
        .routes(routes!(publish_offer))
        .routes(routes!(pause_offer))
        .routes(routes!(archive_offer))
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
