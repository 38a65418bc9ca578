//! Replies that were kept under idempotency keys are forgotten after a day.

use std::time::Duration;

use futures::FutureExt;

use crate::api::Problem;
use crate::app::{App, Job, Round, idempotency};

/// Forgets old replies.
pub fn jobs() -> Vec<Job> {
    vec![Job {
        name: "api.forget_replies",
        every: Duration::from_secs(600),
        run: |_, app| forget(app).boxed(),
    }]
}

async fn forget(app: App) -> Result<Round, Problem> {
    let mut connection = app.db.acquire().await?;
    Ok(Round::of(idempotency::forget_old(&mut connection, app.now()).await?))
}
