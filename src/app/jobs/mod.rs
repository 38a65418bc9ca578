//! Reconcilers: all that time drives. They take no input, look at the database for what is due, and
//! may run at any time, twice, and on any number of servers at once.
//!
//! **One row never stops the others.** A reconciler that works through rows does so with [`Job::each`]: what
//! fails is put off in the table `stuck_jobs` with a growing delay, logged once, and left out of what is due
//! until it has succeeded; staff is told by whoever puts the slices together (see [`take_untold`]).

mod store;

use std::any::Any;
use std::fmt::Display;
use std::panic::AssertUnwindSafe;
use std::time::{Duration, Instant};

use futures::FutureExt;
use futures::future::BoxFuture;
use tracing::Instrument;
use uuid::Uuid;

pub use store::{Stuck, stuck_by_job, take_untold};

use super::App;
use crate::api::Problem;
use crate::kernel::Timestamp;

/// Most subjects in one round.
const MOST: usize = 200;
/// Most subjects in one round that were put off before. They come after those that were not.
const MOST_RETRIES: i64 = 20;
/// Most rounds without a pause.
const MOST_ROUNDS: usize = 10_000;
/// A step that took longer than this is not tried a second time at once: it has waited for somebody.
const QUICK: Duration = Duration::from_secs(1);
/// How long to wait before the second attempt when the database may be away.
const PAUSE: Duration = Duration::from_millis(100);

/// A reconciler.
#[derive(Clone, Copy)]
pub struct Job {
    /// Noun and what it does: `leases.start_due`.
    pub name: &'static str,
    /// How often it looks, besides being nudged.
    pub every: Duration,
    /// Does one bounded round of what is due.
    pub run: fn(Job, App) -> BoxFuture<'static, Result<Round, Problem>>,
}

/// What a round of a reconciler came to.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Round {
    /// What was found due, as far as it fits into a round.
    pub due: u64,
    /// How much was done.
    pub done: u64,
    /// How much failed and was put off for the first time.
    pub put_off: u64,
}

impl Round {
    /// A round that did `done` things, all that it found.
    pub fn of(done: u64) -> Round {
        Round { due: done, done, put_off: 0 }
    }

    /// Whether there may be more to do at once.
    fn goes_on(self) -> bool {
        self.done > 0 || self.put_off > 0
    }
}

/// What a reconciler is asked for.
#[derive(Debug, Clone, Copy)]
pub struct Look {
    /// Its name. What `stuck_jobs` holds under it, and is not cleared, is left out.
    pub job: &'static str,
    /// What is due by this instant.
    pub now: Timestamp,
    /// At most so many, the longest due first.
    pub limit: i64,
}

impl Job {
    /// Runs until nothing is due, at most 10,000 rounds. Returns how much was done.
    ///
    /// # Errors
    /// Returns the error of the first round that fails as a whole; what was done before stays done.
    pub async fn run_until_idle(&self, app: &App) -> Result<u64, Problem> {
        let mut total = 0;
        for _ in 0..MOST_ROUNDS {
            let round = self.run_once(app).await?;
            total += round.done;
            if !round.goes_on() {
                break;
            }
        }
        Ok(total)
    }

    /// One round; a panic in it is an error.
    async fn run_once(&self, app: &App) -> Result<Round, Problem> {
        let round = AssertUnwindSafe((self.run)(*self, app.clone())).catch_unwind().await;
        let round = round.unwrap_or_else(|panic| Err(Problem::internal(panicked(panic.as_ref()))));
        match &round {
            Ok(round) => {
                // Bounded by the size of a round, so nothing is lost.
                let due = u32::try_from(round.due).unwrap_or(u32::MAX);
                metrics::gauge!("leasehold_jobs_due", "job" => self.name).set(due);
            }
            Err(_) => {
                metrics::counter!("leasehold_jobs_failed_total", "job" => self.name).increment(1);
            }
        }
        round
    }

    /// One round over rows: asks `due` for what is due, the longest due first, and does `step` for each, in a
    /// transaction of its own. A step has to find out by itself whether its subject is still due, and returns
    /// false if it changed nothing.
    ///
    /// What fails twice in a row is put off and holds up nothing else: it comes again after everything else
    /// and not before its time.
    ///
    /// # Errors
    /// Returns the error of `due`, or of the database if it is away; what was done before stays done.
    pub async fn each<T, Found, E, Step>(
        self,
        app: &App,
        due: impl FnOnce(App, Look) -> Found,
        step: impl Fn(App, T) -> Step,
    ) -> Result<Round, Problem>
    where
        T: Copy + Display + From<Uuid> + Into<Uuid>,
        Found: Future<Output = Result<Vec<T>, E>>,
        Step: Future<Output = Result<bool, E>>,
        E: Into<Problem>,
    {
        let now = app.now();
        let look = Look { job: self.name, now, limit: MOST as i64 };
        let mut due = due(app.clone(), look).await.map_err(Into::into)?;
        due.truncate(MOST);
        let (due, retries) = self.without_stuck(app, due, now).await?;
        let found = due.len() + retries.len();
        let mut round = Round { due: found as u64, ..Round::default() };
        let fresh = due.into_iter().map(|subject| (subject, None));
        let again = retries.into_iter().map(|retry| (T::from(retry.subject), Some(retry.error)));
        for (subject, last_error) in fresh.chain(again) {
            match self.attempt(app, subject, &step, last_error.is_none()).await? {
                Ok(done) => {
                    round.done += u64::from(done);
                    if last_error.is_some() {
                        self.clear(app, subject).await?;
                    }
                }
                Err(error) => {
                    round.put_off += u64::from(last_error.is_none());
                    self.put_off(app, subject, error, last_error).await?;
                }
            }
        }
        Ok(round)
    }

    /// What is due apart from what is stuck, and the stuck subjects whose time has come.
    async fn without_stuck<T: Copy + Into<Uuid>>(
        &self,
        app: &App,
        mut due: Vec<T>,
        now: Timestamp,
    ) -> Result<(Vec<T>, Vec<store::Retry>), Problem> {
        let mut connection = app.db.acquire().await?;
        let ids: Vec<Uuid> = due.iter().map(|&subject| subject.into()).collect();
        if !ids.is_empty() {
            let stuck = store::stuck_among(&mut connection, self.name, &ids).await?;
            due.retain(|&subject| !stuck.contains(&subject.into()));
        }
        let retries = store::retries(&mut connection, self.name, now, MOST_RETRIES).await?;
        Ok((due, retries))
    }

    /// Does a step; the inner error says why it failed, in words. What may be a matter of the moment is tried
    /// a second time first, if `twice`.
    ///
    /// # Errors
    /// Returns an error if the database is away: that is nobody's fault, and everything waits for it.
    async fn attempt<T, E, Step>(
        &self,
        app: &App,
        subject: T,
        step: &impl Fn(App, T) -> Step,
        twice: bool,
    ) -> Result<Result<bool, String>, Problem>
    where
        T: Copy + Display,
        Step: Future<Output = Result<bool, E>>,
        E: Into<Problem>,
    {
        let mut may_try_again = twice;
        loop {
            let started = Instant::now();
            let span = tracing::info_span!("job", name = self.name, %subject);
            let stepping = AssertUnwindSafe(step(app.clone(), subject)).catch_unwind();
            let problem = match stepping.instrument(span).await {
                Ok(Ok(done)) => return Ok(Ok(done)),
                Ok(Err(error)) => error.into(),
                Err(panic) => Problem::internal(panicked(panic.as_ref())),
            };
            let is_away = problem.code() == "database_away";
            if may_try_again && (is_away || started.elapsed() < QUICK) {
                may_try_again = false;
                if is_away {
                    tokio::time::sleep(PAUSE).await;
                }
                continue;
            }
            if is_away && !store::answers(&mut *app.db.acquire().await?).await {
                return Err(problem);
            }
            return Ok(Err(problem.to_string()));
        }
    }

    async fn put_off<T: Copy + Display + Into<Uuid>>(
        &self,
        app: &App,
        subject: T,
        error: String,
        last_error: Option<String>,
    ) -> Result<(), Problem> {
        let mut connection = app.db.acquire().await?;
        let named = subject.to_string();
        let to = (subject.into(), named.as_str());
        let failures = store::put_off(&mut connection, self.name, to, &error, app.now()).await?;
        let Some(failures) = failures else { return Ok(()) };
        if last_error.as_ref() == Some(&error) {
            tracing::debug!(job = self.name, %subject, failures, error, "the job failed again");
        } else {
            tracing::error!(
                job = self.name,
                %subject,
                failures,
                error,
                "the job cannot be done for this subject; it is put off and everything else goes on"
            );
        }
        Ok(())
    }

    async fn clear<T: Copy + Display + Into<Uuid>>(
        &self,
        app: &App,
        subject: T,
    ) -> Result<(), Problem> {
        let mut connection = app.db.acquire().await?;
        if store::clear(&mut connection, self.name, subject.into(), app.now()).await? {
            tracing::info!(job = self.name, %subject, "the job is no longer stuck with this subject");
        }
        Ok(())
    }
}

/// What a panic said.
fn panicked(panic: &(dyn Any + Send)) -> String {
    let said = panic.downcast_ref::<&str>().copied();
    let said = said.or_else(|| panic.downcast_ref::<String>().map(String::as_str));
    format!("it panicked: {}", said.unwrap_or("without a message"))
}
