//! `/v1/offers/{id}/free-capacity`: how much of an offer is free, day by day.

use axum::extract::State;
use chrono::{DateTime, TimeDelta, Utc};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use uuid::Uuid;

use crate::api::call::Id;
use crate::api::problem::Refused;
use crate::api::{Call, Params, Problem, Reply};
use crate::app::App;
use crate::capacity::{self, Profile, Rectangle, Units, Window};
use crate::kernel::{OfferId, Period, Timestamp};
use crate::supply;

/// Days in one reply.
const DAYS_MAX: i64 = 800;

/// Rectangles looked at; a part of a pool that is more crowded than this is leased hour by hour.
const MOST: i64 = 100_000;

/// Which days.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct Days {
    /// The first day begins here; now when left out.
    pub from: Option<DateTime<Utc>>,
    /// 90 days after `from` when left out; at most 800.
    pub to: Option<DateTime<Utc>>,
}

/// How much of an offer is free, day by day.
#[derive(Debug, Serialize, ToSchema)]
pub struct FreeCapacity {
    pub offer_id: OfferId,
    /// When the first day begins; each lasts 24 hours.
    pub from: DateTime<Utc>,
    /// GPUs of the offer in all.
    pub gpus: u32,
    /// GPUs that are free from beginning to end of each day; 0 where the offer cannot be booked.
    pub gpus_free: Vec<u32>,
}

/// Free GPUs of an offer by day; open to everybody while it is on the market
#[utoipa::path(get, path = "/v1/offers/{id}/free-capacity", tag = "market",
    params(("id" = OfferId, Path), Days), security((), ("bearer" = [])),
    responses((status = 200, body = FreeCapacity), (status = "4XX", body = Refused)))]
pub async fn show_free_capacity(
    State(app): State<App>,
    call: Option<Call>,
    Id(id): Id<OfferId>,
    Params(days): Params<Days>,
) -> Result<Reply, Problem> {
    let from = days.from.unwrap_or_else(|| app.now());
    let to = days.to.unwrap_or(from + TimeDelta::days(90));
    let period = Period::new(from, to).map_err(|error| Problem::field("to", error.to_string()))?;
    if to - from > TimeDelta::days(DAYS_MAX) {
        return Err(Problem::field("to", format!("at most {DAYS_MAX} days after from")));
    }
    let mut connection = app.db.acquire().await?;
    let scope = call.map_or(Some(Uuid::nil()), |call| call.caller.scope());
    let listing = supply::find_offer(&mut connection, id, scope).await?;
    let listing = listing.ok_or_else(|| Problem::not_found("offer", id))?;
    let offered = Units::new(listing.units.0, listing.units.1);
    let rectangles = capacity::rectangles(&mut connection, listing.pool_id, period, MOST).await?;
    let profile = Profile::of(offered.len(), rectangles.iter().map(|one| use_of(one, offered)));
    let free = days_of(period).map(|day| {
        let is_offered = listing.available.starts_at <= day.starts_at
            && day.ends_at <= listing.available.ends_at;
        if is_offered { listing.gpus(profile.largest(capacity::window(day))) } else { 0 }
    });
    Ok(Reply::ok(&FreeCapacity {
        offer_id: id,
        from,
        gpus: listing.gpus(offered.len()),
        gpus_free: free.collect(),
    }))
}

/// What `rectangle` uses of the units `offered`.
fn use_of(rectangle: &Rectangle, offered: Units) -> (Window, Units) {
    let instant = |at: Option<Timestamp>, otherwise| at.map_or(otherwise, capacity::instant);
    let from = instant(rectangle.starts_at, capacity::rules::BEGINNING_OF_TIME);
    let until = instant(rectangle.ends_at, capacity::rules::END_OF_TIME);
    (Window::new(from, until), rectangle.units.intersection(offered))
}

/// The days of `period`, the last one cut short.
fn days_of(period: Period) -> impl Iterator<Item = Period> {
    let starts = std::iter::successors(Some(period.starts_at), |start| Some(*start + DAY));
    starts
        .take_while(move |start| *start < period.ends_at)
        .map(move |starts_at| Period { starts_at, ends_at: (starts_at + DAY).min(period.ends_at) })
}

const DAY: TimeDelta = TimeDelta::days(1);
