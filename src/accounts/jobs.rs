//! What time does: keys retire, sessions end elsewhere, limits fill up again.

use std::time::Duration;

use futures::FutureExt;

use super::caller::Gate;
use super::limits::LogInLimits;
use super::store;
use super::tokens::{self, KeyRing};
use crate::api::Problem;
use crate::app::{App, Job, Round};

/// The reconcilers of this slice.
pub fn jobs() -> Vec<Job> {
    vec![
        Job {
            name: "accounts.rotate_signing_keys",
            every: Duration::from_secs(600),
            run: |_, app| rotate_signing_keys(app).boxed(),
        },
        Job {
            name: "accounts.follow_ended_sessions",
            every: Duration::from_secs(1),
            run: |_, app| follow_ended_sessions(app).boxed(),
        },
        Job {
            name: "accounts.forget_refresh_tokens",
            every: Duration::from_secs(600),
            run: |_, app| forget_refresh_tokens(app).boxed(),
        },
        Job {
            name: "accounts.tidy_memory",
            every: Duration::from_secs(60),
            run: |_, app| tidy_memory(app).boxed(),
        },
    ]
}

async fn rotate_signing_keys(app: App) -> Result<Round, Problem> {
    let changed = tokens::rotate(&app).await?;
    KeyRing::of(&app).read(&app).await?;
    Ok(Round::of(changed))
}

async fn follow_ended_sessions(app: App) -> Result<Round, Problem> {
    Gate::of(&app).follow(&app).await?;
    Ok(Round::default())
}

async fn tidy_memory(app: App) -> Result<Round, Problem> {
    Gate::of(&app).tidy(app.now());
    LogInLimits::of(&app).forget_rested();
    Ok(Round::default())
}

async fn forget_refresh_tokens(app: App) -> Result<Round, Problem> {
    let mut connection = app.db.acquire().await?;
    Ok(Round::of(store::forget_refresh_tokens(&mut connection, app.now()).await?))
}
