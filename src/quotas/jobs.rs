//! What nobody needs any more.

use std::time::Duration;

use futures::FutureExt;

use super::memory::Books;
use super::store;
use crate::api::Problem;
use crate::app::{App, Job, Round};

/// The reconcilers of this slice.
pub fn jobs() -> Vec<Job> {
    vec![
        Job {
            name: "quotas.trim",
            every: Duration::from_secs(300),
            run: |_, app| trim(app).boxed(),
        },
        Job {
            name: "quotas.forget",
            every: Duration::from_secs(3600),
            run: |_, app| forget(app).boxed(),
        },
    ]
}

/// Changes are kept so that other servers see them; after some versions a server that has not looked
/// reads the whole book instead.
async fn trim(app: App) -> Result<Round, Problem> {
    let mut act = app.begin_job("quotas.trim").await?;
    let trimmed = store::trim(&mut act).await?;
    act.commit().await?;
    Ok(Round::of(trimmed))
}

async fn forget(app: App) -> Result<Round, Problem> {
    Books::of(&app).forget_before(app.now());
    Ok(Round::default())
}
