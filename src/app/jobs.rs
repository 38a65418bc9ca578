//! Reconcilers: all that time drives. They take no input, look at the database for what is due, and
//! may run at any time, twice, and on any number of servers at once.

use std::time::Duration;

use futures::future::BoxFuture;

use super::App;
use crate::api::Problem;

/// A reconciler.
#[derive(Clone, Copy)]
pub struct Job {
    /// Noun and what it does: `leases.start_due`.
    pub name: &'static str,
    /// How often it looks, besides being nudged.
    pub every: Duration,
    /// Does a batch of what is due; says how much, so that it runs again while there is more.
    pub run: fn(App) -> BoxFuture<'static, Result<u64, Problem>>,
}

impl Job {
    /// Runs until nothing is due, at most 10,000 batches.
    ///
    /// # Errors
    /// That of the first batch that fails; what earlier ones did stays done.
    pub async fn run_until_idle(&self, app: &App) -> Result<u64, Problem> {
        let mut total = 0;
        for _ in 0..10_000 {
            let done = (self.run)(app.clone()).await?;
            total += done;
            if done == 0 {
                break;
            }
        }
        Ok(total)
    }
}
