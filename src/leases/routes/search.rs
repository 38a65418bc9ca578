//! `/v1/search`

use axum::extract::State;
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::PlacementBody;
use crate::api::problem::Refused;
use crate::api::{Problem, Reply, Write};
use crate::app::App;
use crate::kernel::{Period, Rate, Span};
use crate::leases::desk::search;
use crate::leases::rules::{Need, NeedRefusal};
use crate::leases::views::OptionView;
use crate::supply::ClauseWish;

/// Most clauses that a search can ask for.
const MAX_CLAUSES: usize = 30;

/// What is looked for.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct SearchBody {
    #[schema(minimum = 1)]
    pub gpus: u32,
    /// For how long.
    pub duration: Span,
    /// First instant at which it may start; now when left out.
    pub earliest: Option<DateTime<Utc>>,
    /// Instant by which it must have ended; a year after `earliest` when left out.
    pub latest: Option<DateTime<Utc>>,
    /// Any of these, by id; any at all when left out.
    pub accelerators: Option<Vec<String>>,
    /// Any of these, ISO 3166-1 alpha-2; any at all when left out.
    pub countries: Option<Vec<String>>,
    pub max_rate: Option<Rate>,
    #[serde(default)]
    pub placement: PlacementBody,
    /// What the reclaim terms are to say, all of it; at most 30.
    #[serde(default)]
    pub clauses: Vec<ClauseWish>,
    /// At most so many options, 1 to 100.
    #[serde(default = "default_limit")]
    #[schema(minimum = 1, maximum = 100)]
    pub limit: u16,
}

fn default_limit() -> u16 {
    20
}

/// What fits, or why nothing does.
#[derive(Debug, Serialize, ToSchema)]
pub struct SearchView {
    /// The cheapest first, then the earliest.
    pub options: Vec<OptionView>,
    /// How many offers fit in all.
    pub fitting: usize,
    /// How many offers were looked at.
    pub considered: usize,
    /// Why nothing fits: how many offers fail in which dimension, most first.
    pub why_none: Vec<WhyNone>,
}

/// A dimension in which offers fail.
#[derive(Debug, Serialize, ToSchema)]
pub struct WhyNone {
    /// `accelerator`, `country`, `rate`, `size`, `duration`, `window`, `capacity`, `island` or
    /// `clause`.
    pub dimension: &'static str,
    /// How many offers fail in it first.
    pub offers: usize,
    /// The way out.
    pub hint: &'static str,
}

/// Search the market by need
#[utoipa::path(post, path = "/v1/search", tag = "market", request_body = SearchBody, responses(
    (status = 200, body = SearchView), (status = 403, body = Refused), (status = 422, body = Refused)))]
pub async fn search_market(
    State(app): State<App>,
    Write { call, body }: Write<SearchBody>,
) -> Result<Reply, Problem> {
    let organization = call.caller.organization();
    let tenant = organization.unwrap_or(crate::kernel::OrganizationId(uuid::Uuid::nil()));
    let limit = usize::from(body.limit);
    if !(1..=100).contains(&limit) {
        return Err(Problem::field("limit", "a number from 1 to 100"));
    }
    check_wishes(&body.clauses)?;
    let wishes = body.clauses.clone();
    let need = need(body, &app)?;
    let found = search::search(&app, tenant, &need, &wishes, limit).await?;
    let mut why_none: Vec<WhyNone> = found
        .failed
        .iter()
        .map(|(&dimension, &offers)| WhyNone {
            dimension: dimension.code(),
            offers,
            hint: hint(dimension),
        })
        .collect();
    why_none.sort_by_key(|why| std::cmp::Reverse(why.offers));
    let options =
        found.options.iter().map(|(listing, ranked)| OptionView::new(listing, ranked, &app));
    Ok(Reply::ok(&SearchView {
        options: options.collect(),
        fitting: found.fitting,
        considered: found.considered,
        why_none,
    }))
}

fn check_wishes(wishes: &[ClauseWish]) -> Result<(), Problem> {
    if wishes.len() > MAX_CLAUSES {
        return Err(Problem::field("clauses", format!("at most {MAX_CLAUSES} of them")));
    }
    for (place, wish) in wishes.iter().enumerate() {
        if let Some((field, detail)) = wish.flaw() {
            return Err(Problem::field(format!("clauses[{place}].{field}"), detail));
        }
    }
    Ok(())
}

fn need(body: SearchBody, app: &App) -> Result<Need, Problem> {
    let earliest = body.earliest.unwrap_or_else(|| app.now()).max(app.now());
    let latest = body.latest.unwrap_or(earliest + chrono::TimeDelta::days(365));
    let whole = Period::new(earliest, latest)
        .map_err(|error| Problem::field("latest", error.to_string()))?;
    if body.duration == Span::ZERO || body.duration.seconds() > whole.seconds() {
        let detail = "longer than nothing, and not longer than the time between earliest (or now) and latest";
        return Err(Problem::field("duration", detail));
    }
    if body.gpus == 0 {
        return Err(Problem::field("gpus", "at least 1"));
    }
    for (field, list) in [("accelerators", &body.accelerators), ("countries", &body.countries)] {
        if list.as_ref().is_some_and(|list| list.is_empty() || list.len() > 100) {
            return Err(Problem::field(field, "1 to 100 of them; leave it out for any"));
        }
    }
    Ok(Need {
        gpus: body.gpus,
        duration: body.duration,
        earliest,
        latest,
        accelerators: body.accelerators,
        countries: body.countries,
        max_rate: body.max_rate,
        on_one_island: body.placement == PlacementBody::Island,
    })
}

fn hint(dimension: NeedRefusal) -> &'static str {
    match dimension {
        NeedRefusal::Accelerator => "allow other accelerators",
        NeedRefusal::Country => "allow other countries",
        NeedRefusal::Rate => "pay more per GPU-hour",
        NeedRefusal::Size => "ask for a number of GPUs that the offers lease at a time",
        NeedRefusal::Duration => "ask for a duration that the offers allow",
        NeedRefusal::Window => {
            "start later or end later: the offers are not available in this window"
        }
        NeedRefusal::Capacity => "ask for fewer GPUs, a shorter time or a wider window",
        NeedRefusal::Clause => {
            "the offers that would fit have other reclaim terms: ask for less of the clauses"
        }
        NeedRefusal::Island => "allow placement \"any\", or ask for fewer GPUs",
    }
}
