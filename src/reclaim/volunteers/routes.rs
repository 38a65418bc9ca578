//! `/v1/leases/{id}/volunteer`, `/v1/reclaim-volunteers`

use axum::extract::State;
use serde::Deserialize;
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::actions::{self, NewOffer, VolunteerView};
use crate::api::call::Id;
use crate::api::problem::Refused;
use crate::api::{Call, List, Page, Params, Problem, Reply, Write};
use crate::app::App;
use crate::kernel::{LeaseId, Rate, Span, TrancheId, VolunteerId};
use crate::reclaim::actions::Size;

/// The routes of volunteers.
pub fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new()
        .routes(routes!(volunteer_units))
        .routes(routes!(list_volunteers))
        .routes(routes!(withdraw_volunteer))
}

/// Units that the tenant would give up.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct VolunteerBody {
    /// Of which line of the schedule; may be left out where only one is left.
    tranche_id: Option<TrancheId>,
    /// At most so many units, or …
    #[schema(minimum = 1)]
    units: Option<u32>,
    /// … so many GPUs, in whole units.
    #[schema(minimum = 1)]
    gpus: Option<u32>,
    /// Asked for on top of the price of what is given up, for every GPU and hour given up.
    premium_per_gpu_hour: Rate,
    /// Time needed to leave; none when left out, a year at most.
    notice: Option<Span>,
}

/// Offer units of a lease to be bought back at a price
///
/// The provider's plans take such units before they take any by a clause. An open offer binds: it can be
/// withdrawn until a plan is carried out with it.
#[utoipa::path(post, path = "/v1/leases/{id}/volunteer", tag = "reclaim",
    params(("id" = LeaseId, Path)), request_body = VolunteerBody,
    responses((status = 201, body = VolunteerView), (status = "4XX", body = Refused)))]
async fn volunteer_units(
    State(app): State<App>,
    Id(lease): Id<LeaseId>,
    Write { call, body }: Write<VolunteerBody>,
) -> Result<Reply, Problem> {
    let size = match (body.units, body.gpus) {
        (Some(units), None) => Size::Units(units),
        (None, Some(gpus)) => Size::Gpus(gpus),
        _ => return Err(Problem::field("units", "say how much: either units or gpus")),
    };
    let notice = body.notice.unwrap_or(Span::ZERO);
    if notice > Span::days(365) {
        return Err(Problem::field("notice", "a year at most"));
    }
    let premium = body.premium_per_gpu_hour;
    let new = NewOffer { tranche: body.tranche_id, size, premium, notice };
    Ok(actions::offer(&app, call, lease, new).await?)
}

#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
struct VolunteerFilter {
    /// Only of this lease.
    lease: Option<LeaseId>,
}

/// Units offered to be bought back, newest first: your own, and those of your tenants
#[utoipa::path(get, path = "/v1/reclaim-volunteers", tag = "reclaim", params(VolunteerFilter, Page),
    responses((status = 200, body = List<VolunteerView>), (status = "4XX", body = Refused)))]
async fn list_volunteers(
    State(app): State<App>,
    call: Call,
    Params(filter): Params<VolunteerFilter>,
    Params(page): Params<Page>,
) -> Result<Reply, Problem> {
    let rows = actions::list(&app, &call, filter.lease, page.after()?, page.fetch()?).await?;
    Ok(Reply::ok(&List::new(rows, &page, |view: &VolunteerView| view.id.0)))
}

/// Nothing needs to be said.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct WithdrawVolunteerBody {}

/// Withdraw an offer of units that has not been taken
#[utoipa::path(post, path = "/v1/reclaim-volunteers/{id}/withdraw", tag = "reclaim",
    params(("id" = VolunteerId, Path)), request_body = WithdrawVolunteerBody,
    responses((status = 200, body = VolunteerView), (status = "4XX", body = Refused)))]
async fn withdraw_volunteer(
    State(app): State<App>,
    Id(id): Id<VolunteerId>,
    Write { call, body: WithdrawVolunteerBody {} }: Write<WithdrawVolunteerBody>,
) -> Result<Reply, Problem> {
    Ok(actions::withdraw(&app, call, id).await?)
}
