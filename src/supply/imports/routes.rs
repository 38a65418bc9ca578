//! `/v1/imports`.

use axum::extract::{DefaultBodyLimit, State};
use serde::Deserialize;
use utoipa::IntoParams;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::actions;
use super::rules::{Options, Report};
use crate::api::problem::Refused;
use crate::api::{Params, Problem, Reply, WriteBytes};
use crate::app::App;

/// The largest file.
const BYTES_MAX: usize = 32 * 1024 * 1024;

pub fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new().routes(routes!(import_supply)).layer(DefaultBodyLimit::max(BYTES_MAX))
}

/// How to import; read as pairs, because `map` is repeated.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[expect(dead_code, reason = "describes the parameters, which are read as pairs")]
struct ImportQuery {
    /// `inventory`, one row per pool, or `prices`, one row per rate.
    #[param(pattern = "^(inventory|prices)$")]
    kind: String,
    /// `column=heading` where a heading is not the column's name; as often as needed.
    #[serde(default)]
    map: Vec<String>,
    /// What a price is for: `gpu` or `instance`.
    #[param(pattern = "^(gpu|instance)$")]
    per: Option<String>,
    /// With `per=instance`: the heading of the number of GPUs of an instance.
    gpus_column: Option<String>,
    /// Take the good rows even if some are refused.
    keep_good: Option<bool>,
    /// Put new offers on the market at once; they are drafts otherwise.
    publish: Option<bool>,
    /// Id or name of the reclaim terms of new offers.
    terms: Option<String>,
    /// The same checks and report, nothing written.
    dry_run: Option<bool>,
}

/// Imports an inventory or a price list as CSV, with a report row by row; a bad row changes nothing
/// unless `keep_good`
///
/// Inventory: `site`, `power_mw`, `pool`, `accelerator`, `gpus_per_unit`, `units`, and where known
/// `country`, `kind`, `latitude`, `longitude`, `orbit`, `pue`, `stage`, `kw_per_unit` (else the power of
/// the chips), `fabric`, `units_per_island`, `usable_from` (else now). Prices: `rate_per_gpu_hour`,
/// `accelerator` or `pool`, and where known `min_gpus`, `kind`, `name`; offers are found again by pool,
/// name, kind and `min_gpus`.
#[utoipa::path(post, path = "/v1/imports", tag = "imports", params(ImportQuery),
    request_body(content = String, content_type = "text/csv", description = "at most 32 MiB and 200,000 rows"),
    responses((status = 200, body = Report),
        (status = "4XX", body = Refused, description = "`import_refused` has the `report`")))]
async fn import_supply(
    State(app): State<App>,
    Params(pairs): Params<Vec<(String, String)>>,
    WriteBytes { call, bytes }: WriteBytes,
) -> Result<Reply, Problem> {
    let options = Options::from_query(&pairs)
        .map_err(|detail| Problem::malformed("invalid_query", detail))?;
    actions::import(&app, &call, options, bytes).await
}
