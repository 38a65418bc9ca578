//! Works the providers' records out anew.

use std::time::Duration;

use chrono::TimeDelta;
use futures::FutureExt;

use super::store;
use crate::api::Problem;
use crate::app::{App, Job, Round};
use crate::supply;

/// The reconciler of this folder.
pub fn jobs() -> Vec<Job> {
    vec![Job {
        name: "reclaim.records",
        every: Duration::from_secs(900),
        run: |_, app| work_out(app).boxed(),
    }]
}

/// Changes nothing in the database, so it says that nothing was done.
async fn work_out(app: App) -> Result<Round, Problem> {
    let since = app.now() - TimeDelta::days(365);
    let mut connection = app.db.acquire().await?;
    let records = store::records(&mut connection, since, app.now()).await?;
    supply::note_reclaim_records(&app, records.into_iter().collect());
    Ok(Round::default())
}
