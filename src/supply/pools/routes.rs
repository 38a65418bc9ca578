//! `/v1/pools`, `/v1/deliveries`, `/v1/blocks`.

use axum::extract::State;
use serde::Deserialize;
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::actions::{self, BlockBody, DeliveryBody, LiftBody, PoolBody, RescheduleBody};
use super::rules::{Block, Delivery, Pool, PoolChanges};
use super::store::{self, PoolFilter};
use crate::api::call::Id;
use crate::api::problem::Refused;
use crate::api::{Call, List, Page, Params, Problem, Reply, Write};
use crate::app::App;
use crate::kernel::{BlockId, DeliveryId, PoolId, SiteId};

pub fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new()
        .routes(routes!(create_pool, list_pools))
        .routes(routes!(show_pool, change_pool))
        .routes(routes!(add_delivery, list_deliveries))
        .routes(routes!(reschedule_delivery))
        .routes(routes!(accept_delivery))
        .routes(routes!(block_units, list_blocks))
        .routes(routes!(lift_block))
}

/// Lists a pool at a site of your organization
#[utoipa::path(post, path = "/v1/pools", tag = "pools", request_body = PoolBody, responses(
    (status = 201, body = Pool), (status = "4XX", body = Refused)))]
async fn create_pool(
    State(app): State<App>,
    Write { call, body }: Write<PoolBody>,
) -> Result<Reply, Problem> {
    actions::create(&app, &call, body).await
}

/// Which pools.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
struct PoolQuery {
    /// Only those at this site.
    site_id: Option<SiteId>,
    /// Only those with this accelerator.
    accelerator: Option<String>,
}

/// Your organization's pools, newest first; staff sees everybody's
#[utoipa::path(get, path = "/v1/pools", tag = "pools", params(Page, PoolQuery), responses(
    (status = 200, body = List<Pool>), (status = "4XX", body = Refused)))]
async fn list_pools(
    State(app): State<App>,
    call: Call,
    Params(page): Params<Page>,
    Params(query): Params<PoolQuery>,
) -> Result<Reply, Problem> {
    let (limit, after) = (page.fetch()?, page.after()?);
    let filter = PoolFilter { site: query.site_id, accelerator: query.accelerator };
    let mut connection = app.db.acquire().await?;
    let pools = store::list(&mut connection, call.caller.scope(), &filter, after, limit).await?;
    Ok(Reply::ok(&List::new(pools, &page, |pool| pool.id.0)))
}

/// One pool of your organization
#[utoipa::path(get, path = "/v1/pools/{id}", tag = "pools", params(("id" = PoolId, Path)), responses(
    (status = 200, body = Pool), (status = "4XX", body = Refused)))]
async fn show_pool(
    State(app): State<App>,
    call: Call,
    Id(id): Id<PoolId>,
) -> Result<Reply, Problem> {
    let pool = find(&app, &call, id).await?;
    Ok(Reply::ok(&pool).revision(pool.revision))
}

async fn find(app: &App, call: &Call, id: PoolId) -> Result<Pool, Problem> {
    let mut connection = app.db.acquire().await?;
    let pool = store::find(&mut connection, id, call.caller.scope()).await?;
    pool.ok_or_else(|| Problem::not_found("pool", id))
}

/// Changes what is said of a pool; its hardware stays
#[utoipa::path(patch, path = "/v1/pools/{id}", tag = "pools", params(("id" = PoolId, Path)),
    request_body = PoolChanges, responses((status = 200, body = Pool), (status = "4XX", body = Refused)))]
async fn change_pool(
    State(app): State<App>,
    Id(id): Id<PoolId>,
    Write { call, body }: Write<PoolChanges>,
) -> Result<Reply, Problem> {
    actions::change(&app, &call, id, body).await
}

/// Says from when on units of a pool can be used
#[utoipa::path(post, path = "/v1/pools/{id}/deliveries", tag = "pools", params(("id" = PoolId, Path)),
    request_body = DeliveryBody,
    responses((status = 201, body = Delivery), (status = "4XX", body = Refused)))]
async fn add_delivery(
    State(app): State<App>,
    Id(id): Id<PoolId>,
    Write { call, body }: Write<DeliveryBody>,
) -> Result<Reply, Problem> {
    actions::add_delivery(&app, &call, id, body).await
}

/// The deliveries of a pool, newest first
#[utoipa::path(get, path = "/v1/pools/{id}/deliveries", tag = "pools",
    params(("id" = PoolId, Path), Page),
    responses((status = 200, body = List<Delivery>), (status = "4XX", body = Refused)))]
async fn list_deliveries(
    State(app): State<App>,
    call: Call,
    Id(id): Id<PoolId>,
    Params(page): Params<Page>,
) -> Result<Reply, Problem> {
    let (limit, after) = (page.fetch()?, page.after()?);
    find(&app, &call, id).await?;
    let mut connection = app.db.acquire().await?;
    let deliveries = store::list_deliveries(&mut connection, id, after, limit).await?;
    Ok(Reply::ok(&List::new(deliveries, &page, |delivery| delivery.id.0)))
}

/// Moves a delivery to another date
#[utoipa::path(post, path = "/v1/deliveries/{id}/reschedule", tag = "pools",
    params(("id" = DeliveryId, Path)), request_body = RescheduleBody,
    responses((status = 200, body = Delivery), (status = "4XX", body = Refused)))]
async fn reschedule_delivery(
    State(app): State<App>,
    Id(id): Id<DeliveryId>,
    Write { call, body }: Write<RescheduleBody>,
) -> Result<Reply, Problem> {
    actions::reschedule_delivery(&app, &call, id, body).await
}

/// Nothing to say.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct AcceptBody {}

/// Accepts a delivery: its units are there and can be used
#[utoipa::path(post, path = "/v1/deliveries/{id}/accept", tag = "pools",
    params(("id" = DeliveryId, Path)), request_body = AcceptBody,
    responses((status = 200, body = Delivery), (status = "4XX", body = Refused)))]
async fn accept_delivery(
    State(app): State<App>,
    Id(id): Id<DeliveryId>,
    Write { call, body: AcceptBody {} }: Write<AcceptBody>,
) -> Result<Reply, Problem> {
    actions::accept_delivery(&app, &call, id).await
}

/// Keeps units of a pool off the market
#[utoipa::path(post, path = "/v1/pools/{id}/blocks", tag = "pools", params(("id" = PoolId, Path)),
    request_body = BlockBody, responses((status = 201, body = Block), (status = "4XX", body = Refused)))]
async fn block_units(
    State(app): State<App>,
    Id(id): Id<PoolId>,
    Write { call, body }: Write<BlockBody>,
) -> Result<Reply, Problem> {
    actions::block(&app, &call, id, body).await
}

/// Which blocks.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
struct BlockQuery {
    /// Only those that are neither lifted nor past.
    #[serde(default)]
    open: bool,
}

/// The blocks of a pool, newest first
#[utoipa::path(get, path = "/v1/pools/{id}/blocks", tag = "pools",
    params(("id" = PoolId, Path), Page, BlockQuery),
    responses((status = 200, body = List<Block>), (status = "4XX", body = Refused)))]
async fn list_blocks(
    State(app): State<App>,
    call: Call,
    Id(id): Id<PoolId>,
    Params(page): Params<Page>,
    Params(query): Params<BlockQuery>,
) -> Result<Reply, Problem> {
    let (limit, after) = (page.fetch()?, page.after()?);
    find(&app, &call, id).await?;
    let open_at = query.open.then(|| app.now());
    let mut connection = app.db.acquire().await?;
    let blocks = store::list_blocks(&mut connection, id, open_at, after, limit).await?;
    Ok(Reply::ok(&List::new(blocks, &page, |block| block.id.0)))
}

/// Gives the units of a block back to the market
#[utoipa::path(post, path = "/v1/blocks/{id}/lift", tag = "pools", params(("id" = BlockId, Path)),
    request_body = LiftBody, responses((status = 200, body = Block), (status = "4XX", body = Refused)))]
async fn lift_block(
    State(app): State<App>,
    Id(id): Id<BlockId>,
    Write { call, body }: Write<LiftBody>,
) -> Result<Reply, Problem> {
    actions::lift(&app, &call, id, body).await
}
