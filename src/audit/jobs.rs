//! The sealer.

use std::time::Duration;

use futures::FutureExt;

use super::actions;
use crate::app::Job;

/// The reconcilers of this slice.
pub fn jobs() -> Vec<Job> {
    vec![Job {
        name: "audit.seal",
        every: Duration::from_secs(1),
        run: |app| {
            async move {
                let sealed = actions::seal(&app).await?;
                // New records come in all the time: only a full batch is a reason to go on at once.
                Ok(if actions::is_full(sealed) { u64::try_from(sealed).unwrap_or(0) } else { 0 })
            }
            .boxed()
        },
    }]
}
