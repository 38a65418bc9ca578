//! What time does to quotes and leases.

use std::time::Duration;

use futures::FutureExt;

use super::actions::{answer, delays, quote};
use super::change::entry;
use super::error::Error;
use super::rules::{Command, End, EndCode, Lease, Status, decide};
use super::store::{changes, due, leases};
use crate::api::{Call, Problem};
use crate::app::{Act, App, Job, Look, Round};
use crate::kernel::event::Event;
use crate::kernel::{LeaseId, QuoteId};

/// Most leases that are started or ended together.
const AT_ONCE: i64 = 500;

/// The reconcilers of this slice.
pub fn jobs() -> Vec<Job> {
    let every = Duration::from_secs(1);
    vec![
        Job { name: "leases.note_delays", every, run: |job, app| note_delays(job, app).boxed() },
        Job { name: "leases.start_due", every, run: |job, app| start_due(job, app).boxed() },
        Job { name: "leases.lapse_due", every, run: |job, app| lapse_due(job, app).boxed() },
        Job { name: "leases.end_due", every, run: |job, app| end_due(job, app).boxed() },
        Job {
            name: "leases.expire_quotes",
            every,
            run: |job, app| expire_quotes(job, app).boxed(),
        },
    ]
}

/// Leases whose units are delivered late become delayed, and cease to be so.
async fn note_delays(job: Job, app: App) -> Result<Round, Problem> {
    let (leases, missing) = delays::changed(&app).await?;
    job.each(
        &app,
        async |_, _| Ok::<_, Error>(leases),
        |app, lease| delays::note_of(app, lease, missing.clone()),
    )
    .await
}

/// What becomes of leases when their time has come.
#[derive(Clone, Copy)]
struct Transition {
    from: Status,
    what: Command,
    action: Event,
}

/// Scheduled leases whose start has come become active.
async fn start_due(job: Job, app: App) -> Result<Round, Problem> {
    let transition =
        Transition { from: Status::Scheduled, what: Command::Start, action: Event::LeaseStarted };
    change_due(job, app, transition).await
}

/// Active leases whose end has come are over; their rectangles end there by themselves.
async fn end_due(job: Job, app: App) -> Result<Round, Problem> {
    let transition =
        Transition { from: Status::Active, what: Command::Finish, action: Event::LeaseEnded };
    change_due(job, app, transition).await
}

/// Changes what is due in one statement or, if that fails because of one of them, each by itself.
async fn change_due(job: Job, app: App, transition: Transition) -> Result<Round, Problem> {
    let mut connection = app.db.acquire().await?;
    let due = due::leases(&mut connection, job.name, transition.from, app.now(), AT_ONCE).await?;
    drop(connection);
    if !due.is_empty() {
        match change_all(&app, job, transition, &due).await {
            Ok(changed) if changed > 0 => return Ok(Round::of(changed)),
            Ok(_) => {}
            Err(problem) => {
                tracing::debug!(job = job.name, %problem, "not all at once; each by itself");
            }
        }
    }
    let step = |app: App, lease: LeaseId| async move {
        Ok(change_all(&app, job, transition, &[lease]).await? > 0)
    };
    job.each(&app, async |_, _| Ok::<_, Problem>(due), step).await
}

async fn change_all(
    app: &App,
    job: Job,
    transition: Transition,
    ids: &[LeaseId],
) -> Result<u64, Problem> {
    let mut act = app.begin_job(job.name).await?;
    match change_those_due(&mut act, job, transition, ids).await {
        Ok(changed) => {
            act.commit().await?;
            Ok(changed)
        }
        // What is locked is let go before each is tried by itself, which would pass it over.
        Err(error) => {
            act.give_up().await?;
            Err(error.into())
        }
    }
}

async fn change_those_due(
    act: &mut Act,
    job: Job,
    transition: Transition,
    ids: &[LeaseId],
) -> sqlx::Result<u64> {
    let now = act.now;
    let due = leases::due(act, ids, transition.from, now).await?;
    let mut changed: Vec<Lease> = Vec::with_capacity(due.len());
    for before in due {
        let Ok(status) = decide(before.status, transition.what, before.facts(), now) else {
            continue;
        };
        let mut lease = Lease { status, revision: before.revision + 1, ..before.clone() };
        if status == Status::Ended {
            lease.end = Some(End {
                at: lease.ends_at,
                by: job.name.to_owned(),
                code: EndCode::PeriodOver,
                reason: "its period is over".to_owned(),
            });
        }
        act.log(entry(transition.action, &before, &lease));
        changed.push(lease);
    }
    changes::set_status(act, &changed).await?;
    Ok(changed.len() as u64)
}

/// Requests that nobody answered before their start are rejected, and their capacity is freed.
async fn lapse_due(job: Job, app: App) -> Result<Round, Problem> {
    let due = async |app: App, look: Look| {
        let mut connection = app.db.acquire().await?;
        let status = Status::Requested;
        Ok(due::leases(&mut connection, look.job, status, look.now, look.limit).await?)
    };
    job.each(&app, due, answer::lapse).await
}

/// Quotes whose time is over free what they held.
async fn expire_quotes(job: Job, app: App) -> Result<Round, Problem> {
    let due = async |app: App, look: Look| {
        let mut connection = app.db.acquire().await?;
        Ok(due::quotes(&mut connection, look.job, look.now, look.limit).await?)
    };
    job.each(&app, due, expire).await
}

async fn expire(app: App, id: QuoteId) -> Result<bool, Error> {
    match quote::close(&app, &Call::server("leases.expire_quotes"), id, None).await {
        Ok(done) => Ok(done.is_some()),
        Err(Error::UnknownQuote(_)) => Ok(false),
        Err(error) => Err(error),
    }
}
