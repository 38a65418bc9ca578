//! What happens at a deadline, whether anybody looks or not.

use std::time::Duration;

use futures::FutureExt;

use super::{actions, store, volunteers};
use crate::api::Problem;
use crate::app::{App, Job};

/// Most steps in one go.
const BATCH: u64 = 100;

/// The reconcilers of this slice.
pub fn jobs() -> Vec<Job> {
    let every = Duration::from_secs(1);
    let mut jobs = vec![
        // A reading may bring a deadline forward: it comes first.
        Job { name: "reclaim.note_readings", every, run: |app| note_readings(app).boxed() },
        Job { name: "reclaim.step_due", every, run: |app| step_due(app).boxed() },
        Job {
            name: "reclaim.close_offers",
            every: Duration::from_secs(60),
            run: |app| close_offers(app).boxed(),
        },
        Job {
            name: "reclaim.sweep_uploads",
            every: Duration::from_secs(600),
            run: |app| sweep_uploads(app).boxed(),
        },
    ];
    jobs.extend(super::transparency::jobs());
    jobs
}

/// Notices that were read in the inbox begin their windows.
async fn note_readings(app: App) -> Result<u64, Problem> {
    let (mut noted, mut after) = (0, Some(uuid::Uuid::nil()));
    while let Some(message) = after {
        let (more, next) = actions::note_readings(&app, message, 500).await?;
        noted += more;
        after = next;
    }
    Ok(noted)
}

/// Offers to give units back end with their lines.
async fn close_offers(app: App) -> Result<u64, Problem> {
    Ok(volunteers::close_all_over(&app).await?)
}

/// Uploads that came to nothing are thrown away after an hour.
async fn sweep_uploads(app: App) -> Result<u64, Problem> {
    let mut connection = app.db.acquire().await?;
    store::sweep(&mut connection, app.now() - chrono::TimeDelta::hours(1)).await?;
    Ok(0)
}

/// Takes every step that is due, each in a transaction of its own. One that fails is logged, left for
/// the next time, and holds up no other.
async fn step_due(app: App) -> Result<u64, Problem> {
    let (mut done, mut failed) = (0, Vec::new());
    while done < BATCH && failed.len() < 100 {
        match actions::step_next(&app, &failed).await {
            Ok(None) => break,
            Ok(Some(_)) => done += 1,
            Err((Some(case), error)) => {
                tracing::error!(%case, %error, "a case is due and its step failed; will try again");
                failed.push(case.0);
            }
            Err((None, error)) => return Err(error.into()),
        }
    }
    Ok(done)
}
