//! The sealer.

use std::time::Duration;

use futures::FutureExt;

use super::actions;
use crate::app::{Job, Round};

/// The reconcilers of this slice.
pub fn jobs() -> Vec<Job> {
    vec![Job {
        name: "audit.seal",
        every: Duration::from_secs(1),
        run: |_, app| {
            async move {
                let sealed = actions::seal(&app).await?;
                // New records come in all the time: only a full batch is a reason to go on at once.
                let done = if actions::is_full(sealed) { sealed.unsigned_abs() } else { 0 };
                Ok(Round { due: sealed.unsigned_abs(), done, ..Round::default() })
            }
            .boxed()
        },
    }]
}
