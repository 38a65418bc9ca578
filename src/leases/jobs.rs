//! What time does to quotes and leases.

use std::time::Duration;

use futures::FutureExt;

use super::actions::{answer, delays, quote};
use super::change::entry;
use super::error::Error;
use super::rules::{Act, End, EndCode, Signed, Status, decide};
use super::store::{changes, leases, quotes};
use crate::api::{Call, Problem};
use crate::app::{App, Job};

const AT_ONCE: i64 = 500;

/// The reconcilers of this slice.
pub fn jobs() -> Vec<Job> {
    let every = Duration::from_secs(1);
    vec![
        Job { name: "leases.note_delays", every, run: |app| note_delays(app).boxed() },
        Job { name: "leases.start_due", every, run: |app| start_due(app).boxed() },
        Job { name: "leases.lapse_due", every, run: |app| lapse_due(app).boxed() },
        Job { name: "leases.end_due", every, run: |app| end_due(app).boxed() },
        Job { name: "leases.expire_quotes", every, run: |app| expire_quotes(app).boxed() },
    ]
}

/// Leases whose units are delivered late become delayed, and cease to be so.
async fn note_delays(app: App) -> Result<u64, Problem> {
    Ok(delays::note(&app).await?)
}

/// Scheduled leases whose start has come become active.
async fn start_due(app: App) -> Result<u64, Problem> {
    change_due(app, "leases.start_due", Status::Scheduled, Act::Start, "lease.started").await
}

/// Active leases whose end has come are over; their rectangles end there by themselves.
async fn end_due(app: App) -> Result<u64, Problem> {
    change_due(app, "leases.end_due", Status::Active, Act::Finish, "lease.ended").await
}

async fn change_due(
    app: App,
    job: &'static str,
    status: Status,
    what: Act,
    action: &'static str,
) -> Result<u64, Problem> {
    let mut act = app.begin_job(job).await?;
    let now = act.now;
    let due = leases::due(&mut act, status, now, AT_ONCE).await?;
    let mut changed: Vec<Signed> = Vec::with_capacity(due.len());
    for before in due {
        let Ok(status) = decide(before.status, what, before.facts(), now) else { continue };
        let mut lease = Signed { status, revision: before.revision + 1, ..before.clone() };
        if status == Status::Ended {
            lease.end = Some(End {
                at: lease.ends_at,
                by: job.to_owned(),
                code: EndCode::PeriodOver,
                reason: "its period is over".to_owned(),
            });
        }
        act.log(entry(action, &before, &lease));
        changed.push(lease);
    }
    changes::set_status(&mut act, &changed).await?;
    act.commit().await?;
    Ok(u64::try_from(changed.len()).unwrap_or(0))
}

/// Requests that nobody answered before their start are rejected, and their capacity is freed.
async fn lapse_due(app: App) -> Result<u64, Problem> {
    let mut act = app.begin_job("leases.lapse_due").await?;
    let now = act.now;
    let due = leases::due(&mut act, Status::Requested, now, AT_ONCE).await?;
    drop(act);
    let mut lapsed = 0;
    for lease in due {
        lapsed += u64::from(answer::lapse(&app, lease.id).await?);
    }
    Ok(lapsed)
}

/// Quotes whose time is over free what they held.
async fn expire_quotes(app: App) -> Result<u64, Problem> {
    let now = app.now();
    let expired = quotes::expired(&mut *app.db.acquire().await?, now, AT_ONCE).await?;
    let mut closed = 0;
    for quote in expired {
        match quote::close(&app, &Call::server("leases.expire_quotes"), quote.id, None).await {
            Ok(done) => closed += u64::from(done.is_some()),
            Err(Error::UnknownQuote(_)) => {}
            Err(error) => return Err(error.into()),
        }
    }
    Ok(closed)
}
