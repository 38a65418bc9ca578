//! Settles what is about to be pinned, and forgets what nobody needs any more, in the database and in memory.

use std::time::Duration;

use futures::FutureExt;

use super::edit::edit;
use super::instants::instant;
use super::memory::planes;
use super::store;
use crate::api::Problem;
use crate::app::{App, Job, Look, Round};
use crate::kernel::PoolId;

/// How often what is about to be pinned is settled.
const SETTLE_EVERY: Duration = Duration::from_secs(30);
/// How long ahead: each is settled many times before it is pinned, so that a server that was away for a
/// while, or a sandbox whose clock leaps, misses none.
const SETTLE_AHEAD: Duration = Duration::from_secs(3_600);

/// Most rectangles of one plane that are settled together.
const SETTLE_OF_PLANE: usize = 100;

/// The reconcilers of this slice.
pub fn jobs() -> Vec<Job> {
    vec![
        Job {
            name: "capacity.settle",
            every: SETTLE_EVERY,
            run: |job, app| settle(job, app).boxed(),
        },
        Job {
            name: "capacity.trim",
            every: Duration::from_secs(300),
            run: |_, app| trim(app).boxed(),
        },
        Job {
            name: "capacity.forget",
            every: Duration::from_secs(600),
            run: |_, app| forget(app).boxed(),
        },
    ]
}

/// Settles what is pinned next. A server settles the planes that it has in memory; two that do so at
/// once do no harm. Nothing is done with a subject, so that a round is not a reason for the next one: what is
/// about to be pinned stays so.
async fn settle(job: Job, app: App) -> Result<Round, Problem> {
    let due = async |app: App, look: Look| {
        Ok::<_, Problem>(planes(&app).about_to_pin(look.now, look.now + SETTLE_AHEAD))
    };
    job.each(&app, due, settle_plane).await
}

async fn settle_plane(app: App, pool: PoolId) -> Result<bool, Problem> {
    let mut act = app.begin_job("capacity.settle").await?;
    let now = act.now;
    let mut edit = edit(&app, &mut act, &[pool]).await?;
    let (now_instant, until) = (instant(now), instant(now + SETTLE_AHEAD));
    let soon =
        planes(&app).look(pool, |plane| plane.pinned_by(until, now_instant, SETTLE_OF_PLANE));
    for id in soon.unwrap_or_default() {
        edit.on(pool)?.settle(id, now)?;
    }
    edit.write(&mut act).await?;
    act.commit().await?;
    Ok(false)
}

/// Removed rectangles are kept so that other servers see that they are gone; after some versions a
/// server that has not looked reads the whole plane instead.
async fn trim(app: App) -> Result<Round, Problem> {
    let mut act = app.begin_job("capacity.trim").await?;
    let trimmed = store::trim(&mut act).await?;
    act.commit().await?;
    Ok(Round::of(trimmed))
}

async fn forget(app: App) -> Result<Round, Problem> {
    planes(&app).forget_before(app.now());
    Ok(Round::default())
}

/// Reads the planes into memory, so that the first search is as fast as the others.
pub async fn warm_up(app: App) {
    if let Err(error) = read_all(&app).await {
        tracing::warn!(%error, "the planes could not be read ahead; they will be when they are needed");
    }
}

async fn read_all(app: &App) -> sqlx::Result<()> {
    let mut connection = app.db.acquire().await?;
    let pools = store::pools(&mut connection).await?;
    for few in pools.chunks(16) {
        planes(app).refresh(&mut connection, few, app.now()).await?;
    }
    Ok(())
}
