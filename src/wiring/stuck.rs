//! Tells the staff of the marketplace what the server cannot carry out, and when it has been carried out.

use std::time::Duration;

use futures::FutureExt;

use crate::api::Problem;
use crate::app::jobs::{self, Stuck};
use crate::app::{App, Job, Round};
use crate::kernel::event::Event;
use crate::notifications::{self, Message, Recipient};

/// Most subjects that are told of in one round.
const MOST: i64 = 500;
/// Most subjects that one message lists.
const MOST_LISTED: usize = 20;

/// Tells staff what is stuck.
pub fn jobs() -> Vec<Job> {
    vec![Job {
        name: "jobs.tell_staff",
        every: Duration::from_secs(1),
        run: |_, app| tell(app).boxed(),
    }]
}

/// Each subject is told of once when it gets stuck and once when it is done; those of one reconciler together.
async fn tell(app: App) -> Result<Round, Problem> {
    let mut act = app.begin_job("jobs.tell_staff").await?;
    let now = act.now;
    let untold = jobs::take_untold(&mut act, now, MOST).await?;
    for of_job in untold.chunk_by(|a, b| a.job == b.job) {
        let (cleared, stuck): (Vec<&Stuck>, Vec<&Stuck>) =
            of_job.iter().partition(|stuck| stuck.is_cleared);
        for (kind, subjects) in [(Event::JobStuck, stuck), (Event::JobCleared, cleared)] {
            if let Some(message) = message(kind, &subjects) {
                notifications::tell(&mut act, message).await?;
            }
        }
    }
    act.commit().await?;
    Ok(Round::of(untold.len() as u64))
}

/// What staff is told of subjects of one reconciler; `None` if there are none.
fn message(kind: Event, subjects: &[&Stuck]) -> Option<Message> {
    let first = subjects.first()?;
    let job = &first.job;
    let what = match subjects {
        [one] => one.named.clone(),
        all => format!("{} subjects", all.len()),
    };
    let listed = subjects.iter().take(MOST_LISTED);
    let (title, said, list): (_, _, Vec<String>) = if kind == Event::JobStuck {
        (
            format!("{job} fails for {what}"),
            "The server tries again by itself, at least every ten minutes, and everything else goes on. You \
             will be told when it has succeeded.",
            listed.map(|it| format!("{}: {}", it.named, it.error)).collect(),
        )
    } else {
        (
            format!("{job} no longer fails for {what}"),
            "The server has done what was due, or it is no longer due.",
            listed
                .map(|it| format!("{}: failed first at {}", it.named, it.first_failed_at))
                .collect(),
        )
    };
    let more = subjects.len().saturating_sub(MOST_LISTED);
    let more = if more > 0 { format!("\nand {more} more") } else { String::new() };
    Some(Message {
        to: Recipient::Staff,
        kind,
        subject: first.named.clone(),
        title,
        body: format!("{said}\n\n{}{more}", list.join("\n")),
    })
}
