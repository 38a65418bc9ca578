//! What happens at a deadline, whether anybody looks or not.

use std::time::Duration;

use futures::FutureExt;

use super::actions;
use crate::api::Problem;
use crate::app::{App, Job};

/// Most cases executed in one go.
const BATCH: u64 = 100;

/// The reconcilers of this slice.
pub fn jobs() -> Vec<Job> {
    let mut jobs = vec![Job {
        name: "reclaim.execute_due",
        every: Duration::from_secs(1),
        run: |app| execute_due(app).boxed(),
    }];
    jobs.extend(super::transparency::jobs());
    jobs
}

/// Executes the cases that are due, each in a transaction of its own. One that fails is logged, left for
/// the next time, and holds up no other.
async fn execute_due(app: App) -> Result<u64, Problem> {
    let (mut done, mut failed) = (0, Vec::new());
    while done < BATCH && failed.len() < 100 {
        match actions::execute_next(&app, &failed).await {
            Ok(None) => break,
            Ok(Some(_)) => done += 1,
            Err((Some(case), error)) => {
                tracing::error!(%case, %error, "a case is due and was not executed; will try again");
                failed.push(case.0);
            }
            Err((None, error)) => return Err(error.into()),
        }
    }
    Ok(done)
}
