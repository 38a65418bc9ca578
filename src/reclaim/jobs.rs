//! What happens at a deadline, whether anybody looks or not.

use std::time::Duration;

use futures::FutureExt;

use super::{actions, store, volunteers};
use crate::api::Problem;
use crate::app::{App, Job, Round};

/// Most chunks of uploads that are thrown away together.
const CHUNKS: i64 = 200;

/// The reconcilers of this slice.
pub fn jobs() -> Vec<Job> {
    let every = Duration::from_secs(1);
    let mut jobs = vec![
        // A reading may bring a deadline forward: it comes first.
        Job {
            name: "reclaim.note_readings",
            every,
            run: |job, app| note_readings(job, app).boxed(),
        },
        Job { name: "reclaim.step_due", every, run: |job, app| step_due(job, app).boxed() },
        Job {
            name: "reclaim.close_offers",
            every: Duration::from_secs(60),
            run: |_, app| close_offers(app).boxed(),
        },
        Job {
            name: "reclaim.sweep_uploads",
            every: Duration::from_secs(600),
            run: |_, app| sweep_uploads(app).boxed(),
        },
    ];
    jobs.extend(super::transparency::jobs());
    jobs
}

/// Notices that were read in the inbox begin their windows.
async fn note_readings(job: Job, app: App) -> Result<Round, Problem> {
    job.each(&app, actions::readings_due, actions::note_reading).await
}

/// Every step that is due, each in a transaction of its own.
async fn step_due(job: Job, app: App) -> Result<Round, Problem> {
    job.each(&app, actions::steps_due, actions::take_step).await
}

/// Offers to give units back end with their lines.
async fn close_offers(app: App) -> Result<Round, Problem> {
    Ok(Round::of(volunteers::close_all_over(&app).await?))
}

/// Uploads that came to nothing are thrown away after an hour.
async fn sweep_uploads(app: App) -> Result<Round, Problem> {
    let mut connection = app.db.acquire().await?;
    let before = app.now() - chrono::TimeDelta::hours(1);
    Ok(Round::of(store::sweep(&mut connection, before, CHUNKS).await?))
}
