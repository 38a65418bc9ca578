//! The sandbox's clock: staff moves it forward, and everything that falls due happens.
//!
//! The offset is kept in the database, so that all servers of a sandbox and their restarts agree.

use std::time::Duration;

use axum::extract::State;
use chrono::{DateTime, Utc};
use futures::FutureExt;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::api::problem::Refused;
use crate::api::{Call, Problem, Reply, Write};
use crate::app::{App, Job, Round};
use crate::kernel::Span;

/// The sandbox's routes.
pub fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new().routes(routes!(show_clock, advance_clock))
}

/// Keeps this server's clock with the others'.
pub fn jobs() -> Vec<Job> {
    vec![Job {
        name: "sandbox.follow_clock",
        every: Duration::from_secs(1),
        run: |_, app| follow(app).boxed(),
    }]
}

#[derive(Debug, Serialize, ToSchema)]
struct ClockView {
    /// The sandbox's present instant.
    now: DateTime<Utc>,
}

#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct AdvanceBody {
    /// How far to move it.
    advance: Span,
}

/// The sandbox's clock
#[utoipa::path(get, path = "/v1/sandbox/clock", tag = "sandbox",
    responses((status = 200, body = ClockView), (status = 401, body = Refused)))]
async fn show_clock(State(app): State<App>, _call: Call) -> Reply {
    Reply::ok(&ClockView { now: app.now() })
}

/// Moves the sandbox's clock forward; whatever falls due has happened when this answers
#[utoipa::path(post, path = "/v1/sandbox/clock", tag = "sandbox", request_body = AdvanceBody,
    responses((status = 200, body = ClockView), (status = 401, body = Refused),
        (status = 403, body = Refused), (status = 422, body = Refused)))]
async fn advance_clock(
    State(app): State<App>,
    Write { call, body }: Write<AdvanceBody>,
) -> Result<Reply, Problem> {
    if call.caller.staff.is_none() {
        return Err(Problem::forbidden("only staff moves the clock"));
    }
    let too_far =
        || Problem::field("advance", "the clock would leave the calendar, which ends with 2199");
    let delta = body.advance.delta().num_microseconds().ok_or_else(too_far)?;
    if !crate::kernel::time::is_in_calendar(app.now() + body.advance.delta()) {
        return Err(too_far());
    }
    if !call.dry_run {
        let offset = sqlx::query_scalar!(
            "update sandbox_clock set offset_us = offset_us + $1 returning offset_us",
            delta
        )
        .fetch_one(&app.db)
        .await?;
        app.clock.set_offset_us(offset);
        super::run_due(&app).await?;
        app.nudge();
    }
    Ok(Reply::ok(&ClockView { now: app.now() }))
}

async fn follow(app: App) -> Result<Round, Problem> {
    let offset =
        sqlx::query_scalar!("select offset_us from sandbox_clock").fetch_one(&app.db).await?;
    app.clock.set_offset_us(offset);
    Ok(Round::default())
}
