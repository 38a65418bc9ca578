//! Searching the market by need.

use chrono::{DateTime, TimeDelta, Utc};
use serde::Deserialize;
use utoipa::ToSchema;
use uuid::Uuid;

use crate::api::Problem;
use crate::app::App;
use crate::kernel::{Caller, OrganizationId, Period, Rate, Span, Timestamp};
use crate::leases::desk::search;
use crate::leases::rules::{Need, PlacementBody};
use crate::leases::views::search::{OptionView, SearchView, WhyNone};
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

/// What on the market fits what `caller` looks for, or why nothing does.
///
/// # Errors
/// 422 for a field that makes no sense; those of the database.
pub async fn by_need(
    app: &App,
    caller: &Caller,
    mut body: SearchBody,
) -> Result<SearchView, Problem> {
    let tenant = caller.organization().unwrap_or(OrganizationId(Uuid::nil()));
    let limit = usize::from(body.limit);
    if !(1..=100).contains(&limit) {
        return Err(Problem::field("limit", "a number from 1 to 100"));
    }
    let wishes = std::mem::take(&mut body.clauses);
    check_wishes(&wishes)?;
    let need = need(body, app.now())?;
    let found = search::search(app, tenant, &need, &wishes, limit).await?;
    let options = found.options.iter();
    Ok(SearchView {
        options: options.map(|(listing, ranked)| OptionView::new(listing, ranked, app)).collect(),
        fitting: found.fitting,
        considered: found.considered,
        why_none: WhyNone::of(&found.failed),
    })
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

fn need(body: SearchBody, now: Timestamp) -> Result<Need, Problem> {
    let earliest = body.earliest.unwrap_or(now).max(now);
    let latest = body.latest.unwrap_or(earliest + TimeDelta::days(365));
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
