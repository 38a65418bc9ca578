//! `/v1/quotes`

use axum::extract::State;
use serde::Deserialize;
use utoipa::ToSchema;

use super::{LineBody, request};
use crate::api::call::Id;
use crate::api::problem::Refused;
use crate::api::{Call, List, Page, Params, Problem, Reply, Write};
use crate::app::App;
use crate::kernel::{ProjectId, QuoteId};
use crate::leases::actions::quote;
use crate::leases::error::Error;
use crate::leases::rules::PlacementBody;
use crate::leases::store::quotes as store;
use crate::leases::views::QuoteView;

/// What to quote.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct QuoteBody {
    /// 1 to 100 lines; a ramp is several, so is a lease over several pools.
    pub tranches: Vec<LineBody>,
    /// Hold the capacity until the quote expires.
    #[serde(default)]
    pub hold: bool,
    #[serde(default)]
    pub placement: PlacementBody,
    pub project_id: Option<ProjectId>,
}

/// Quote an exact request
#[utoipa::path(post, path = "/v1/quotes", tag = "leases", request_body = QuoteBody, responses(
    (status = 201, body = QuoteView), (status = 404, body = Refused), (status = 409, body = Refused),
    (status = 422, body = Refused)))]
pub async fn make_quote(
    State(app): State<App>,
    Write { call, body }: Write<QuoteBody>,
) -> Result<Reply, Problem> {
    if body.hold {
        call.require_key()?;
    }
    let request = request(body.tranches, body.placement, body.project_id)?;
    Ok(quote::quote(&app, call, request, body.hold).await?)
}

/// Quotes, newest first
#[utoipa::path(get, path = "/v1/quotes", tag = "leases", params(Page), responses(
    (status = 200, body = List<QuoteView>), (status = 400, body = Refused)))]
pub async fn list_quotes(
    State(app): State<App>,
    call: Call,
    Params(page): Params<Page>,
) -> Result<Reply, Problem> {
    let mut connection = app.db.acquire().await?;
    let quotes =
        store::list(&mut connection, call.caller.scope(), page.after()?, page.fetch()?).await?;
    let now = app.now();
    let views = quotes.iter().map(|quote| QuoteView::later(quote, &app, now)).collect();
    Ok(Reply::ok(&List::new(views, &page, |view| view.id.0)))
}

/// A quote
#[utoipa::path(get, path = "/v1/quotes/{id}", tag = "leases", params(("id" = QuoteId, Path)), responses(
    (status = 200, body = QuoteView), (status = 404, body = Refused)))]
pub async fn show_quote(
    State(app): State<App>,
    call: Call,
    Id(id): Id<QuoteId>,
) -> Result<Reply, Problem> {
    let mut connection = app.db.acquire().await?;
    let quote = store::one(&mut connection, id, call.caller.scope())
        .await?
        .ok_or(Error::UnknownQuote(id))?;
    Ok(Reply::ok(&QuoteView::later(&quote, &app, app.now())))
}

/// Give a quote back before it expires
#[utoipa::path(post, path = "/v1/quotes/{id}/release", tag = "leases", params(("id" = QuoteId, Path)), responses(
    (status = 200, body = Object), (status = 404, body = Refused), (status = 409, body = Refused)))]
pub async fn release_quote(
    State(app): State<App>,
    Id(id): Id<QuoteId>,
    Write { call, .. }: Write<Nothing>,
) -> Result<Reply, Problem> {
    Ok(quote::release(&app, call, id).await?)
}

/// An empty body.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Nothing {}
