//! `replay`: books a demand trace through the interface, as its tenants would have, and says what came
//! of it beside what counting alone would have allowed.

mod bounds;
mod report;
mod trace;

use std::collections::BTreeMap;
use std::fs::File;
use std::io::IsTerminal;
use std::ops::Range;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use chrono::{DurationRound, TimeDelta};
use clap::Args;
use indicatif::{ProgressBar, ProgressStyle};
use serde_json::{Value, json};

use super::failure::Failure;
use super::plane::moment_in;
use super::show;
use super::{Client, Remote, units};
use crate::capacity::{self, Plane, Units, Window};
use crate::kernel::{Span, Timestamp};
use bounds::Demand;
use report::Report;
use trace::Wish;

/// Flags of `replay`.
#[derive(Debug, Args)]
pub struct Replay {
    /// CSV file with the columns start_s, end_s and gpus
    file: PathBuf,
    /// Pool to book, by id; its first published offer is used
    #[arg(long, value_name = "ID", required_unless_present = "offer")]
    pool: Option<String>,
    /// Offer to book, by id
    #[arg(long, value_name = "ID", conflicts_with = "pool")]
    offer: Option<String>,
    /// Days of the trace: `140-150` are the ten days from the beginning of day 140 [default: all]
    #[arg(long, value_parser = trace::days)]
    days: Option<Range<i64>>,
    /// Requests under way at a time
    #[arg(long, default_value_t = 8, value_parser = clap::value_parser!(u16).range(1..=512))]
    clients: u16,
    /// Each request arrives up to this long before its start, uniformly [default: at its start]
    #[arg(long, value_name = "TIME", value_parser = units::span)]
    lead: Option<Span>,
    /// Of the random arrivals: the same seed, the same order
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// When the trace's first day is to be [default: far enough ahead for the first arrival]
    #[arg(long = "from", value_name = "MOMENT", value_parser = units::moment)]
    from: Option<Timestamp>,
    /// Move a sandbox's clock on to each arrival, so that unit numbers are handed out meanwhile and
    /// leases begin and end, as this member of staff, whose password is in LEASEHOLD_STAFF_PASSWORD;
    /// with one client
    #[arg(long, value_name = "EMAIL")]
    clock: Option<String>,
}

/// What is booked: an offer of a pool, whose units are counted.
struct Target {
    offer: String,
    pool: String,
    /// The offered part of the pool: so many units from this one on.
    first_unit: u32,
    units: u32,
    gpus_per_unit: u32,
    /// The instant of the trace's second zero.
    base: Timestamp,
}

/// How one request ended.
struct Answer {
    /// The code of the refusal, or `None` for a lease.
    refusal: Option<String>,
    is_failure: bool,
    took: Duration,
}

impl Replay {
    /// Replays, and prints the report.
    pub async fn run(self, remote: &Remote) -> Result<(), Failure> {
        let file = File::open(&self.file)
            .map_err(|error| Failure::Usage(format!("{}: {error}", self.file.display())))?;
        let mut wishes = trace::read(file, self.days.as_ref())?;
        trace::spread_arrivals(&mut wishes, self.lead.map_or(0, Span::seconds), self.seed);
        if wishes.is_empty() {
            return Err(Failure::Usage("no booking of the trace starts in these days".into()));
        }
        let client = Client::new(remote)?;
        let offer = find_offer(&client, self.pool.as_deref(), self.offer.as_deref()).await?;
        let pool = show::at(&offer, "pool_id");
        let today = client.get(&format!("/v1/pools/{pool}/plane"), &[]).await?.body;
        let base = self.base(moment_in(&today, "from")?);
        let target = Target::new(&offer, &today, base)?;
        let clock = match &self.clock {
            Some(email) => Some(ServerClock::new(remote, email).await?),
            None => None,
        };

        let plane = plane_before(&client, &target, &wishes).await?;
        let started = Instant::now();
        let answers = match clock {
            Some(clock) => book_by_the_clock(&client, clock, &target, &wishes).await?,
            None => book(&client, &target, &wishes, usize::from(self.clients)).await?,
        };
        let elapsed = started.elapsed();

        let report = Report::new(&target, &wishes, plane, &answers, elapsed);
        show::reply(remote, &report.json(), |_| report.print());
        match answers.iter().filter(|answer| answer.is_failure).count() {
            0 => Ok(()),
            failed => {
                Err(Failure::Failed(format!("{failed} requests failed; see the codes above")))
            }
        }
    }

    /// The instant of the trace's second zero, so that the first of its days begins when `--from`
    /// says, or late enough after `now` for the first arrival.
    fn base(&self, now: Timestamp) -> Timestamp {
        let trace_day = TimeDelta::days(self.days.as_ref().map_or(0, |days| days.start));
        let first = self.from.unwrap_or_else(|| {
            let ahead = now + self.lead.unwrap_or_default().delta() + TimeDelta::days(2);
            ahead.duration_trunc(TimeDelta::days(1)).unwrap_or(ahead)
        });
        first - trace_day
    }
}

/// The offer to book: the one named, or the first published one of the pool.
async fn find_offer(
    client: &Client,
    pool: Option<&str>,
    offer: Option<&str>,
) -> Result<Value, Failure> {
    if let Some(offer) = offer {
        return Ok(client.get(&format!("/v1/offers/{offer}"), &[]).await?.body);
    }
    let query = [("pool_id", pool.unwrap_or_default().to_owned())];
    let offers = client.list("/v1/offers", &query, 200).await?;
    let published = offers.into_iter().find(|offer| offer["state"] == "published");
    published.ok_or_else(|| Failure::Failed("this pool has no published offer".into()))
}

impl Target {
    /// `offer` of the pool whose plane is `plane`.
    fn new(offer: &Value, plane: &Value, base: Timestamp) -> Result<Self, Failure> {
        let number = |view: &Value, name: &str| {
            let number = view[name].as_u64().and_then(|number| u32::try_from(number).ok());
            number.ok_or_else(|| Failure::Failed(format!("the server's reply has no `{name}`")))
        };
        let first_unit = number(offer, "first_unit")?;
        Ok(Self {
            offer: show::at(offer, "id"),
            pool: show::at(offer, "pool_id"),
            first_unit,
            units: number(offer, "end_unit")?.saturating_sub(first_unit),
            gpus_per_unit: number(plane, "gpus_per_unit")?.max(1),
            base,
        })
    }

    /// Units that `gpus` GPUs need.
    fn units_for(&self, gpus: u32) -> u32 {
        gpus.div_ceil(self.gpus_per_unit)
    }

    /// The instant of a second of the trace.
    fn at(&self, second: i64) -> Timestamp {
        self.base + TimeDelta::seconds(second)
    }

    /// The body of the request.
    fn body(&self, wish: &Wish) -> Value {
        let tranche = json!({
            "offer_id": self.offer,
            "gpus": self.units_for(wish.gpus) * self.gpus_per_unit,
            "starts_at": units::written(self.at(wish.starts)),
            "ends_at": units::written(self.at(wish.ends)),
        });
        json!({ "tranches": [tranche] })
    }

    /// The request as the planner sees it.
    fn demand(&self, wish: &Wish) -> Demand {
        let [from, until] =
            [wish.starts, wish.ends].map(|second| capacity::instant(self.at(second)));
        Demand { units: self.units_for(wish.gpus), window: Window::new(from, until) }
    }
}

/// The offered units with what is on them already, so that the bounds do not count on it.
async fn plane_before(client: &Client, target: &Target, wishes: &[Wish]) -> Result<Plane, Failure> {
    let from = target.at(wishes.iter().map(|wish| wish.starts).min().unwrap_or(0));
    let until = target.at(wishes.iter().map(|wish| wish.ends).max().unwrap_or(0));
    let query = [("from", units::written(from)), ("to", units::written(until))];
    let view = client.get(&format!("/v1/pools/{}/plane", target.pool), &query).await?.body;
    let mut plane = Plane::new(target.units);
    for rectangle in view["rectangles"].as_array().into_iter().flatten() {
        let unit = |name: &str| {
            let unit = rectangle[name].as_u64().and_then(|unit| u32::try_from(unit).ok());
            unit.unwrap_or(0).saturating_sub(target.first_unit).min(target.units)
        };
        let moment = |name: &str, open: Timestamp| {
            let written = rectangle[name].as_str().and_then(|text| units::moment(text).ok());
            capacity::instant(written.unwrap_or(open).clamp(from, until))
        };
        let window = Window::new(moment("starts_at", from), moment("ends_at", until));
        let units = Units::new(unit("first_unit"), unit("end_unit"));
        if !units.is_empty() && !window.is_empty() {
            plane.insert(bounds::rectangle(units, window));
        }
    }
    Ok(plane)
}

/// Books everything in order of arrival, `clients` requests at a time.
async fn book(
    client: &Client,
    target: &Target,
    wishes: &[Wish],
    clients: usize,
) -> Result<Vec<Answer>, Failure> {
    let progress = Progress::new(wishes.len());
    let bodies: Arc<Vec<Value>> = Arc::new(wishes.iter().map(|wish| target.body(wish)).collect());
    let next = Arc::new(AtomicUsize::new(0));
    let workers: Vec<_> = (0..clients)
        .map(|_| {
            let (client, bodies, next) = (client.clone(), bodies.clone(), next.clone());
            let progress = progress.clone();
            tokio::spawn(async move {
                let mut answers = Vec::new();
                loop {
                    let index = next.fetch_add(1, Ordering::Relaxed);
                    let Some(body) = bodies.get(index) else { return answers };
                    answers.push((index, request(&client, body).await));
                    progress.step();
                }
            })
        })
        .collect();
    let mut answers = BTreeMap::new();
    for worker in workers {
        answers.extend(worker.await.map_err(|error| Failure::Failed(error.to_string()))?);
    }
    progress.finish();
    Ok(answers.into_values().collect())
}

/// Books one after the other, each when the server's clock shows its arrival.
async fn book_by_the_clock(
    client: &Client,
    mut clock: ServerClock,
    target: &Target,
    wishes: &[Wish],
) -> Result<Vec<Answer>, Failure> {
    let progress = Progress::new(wishes.len());
    let mut answers = Vec::new();
    for wish in wishes {
        clock.advance_to(target.at(wish.arrives)).await?;
        answers.push(request(client, &target.body(wish)).await);
        progress.step();
    }
    progress.finish();
    Ok(answers)
}

async fn request(client: &Client, body: &Value) -> Answer {
    let started = Instant::now();
    let outcome = client.post("/v1/leases", body).await;
    let took = started.elapsed();
    match outcome {
        Ok(_) => Answer { refusal: None, is_failure: false, took },
        Err(Failure::Refused(problem)) => {
            Answer { refusal: Some(problem.code), is_failure: false, took }
        }
        Err(Failure::Answered(problem) | Failure::Stale(problem)) => {
            Answer { refusal: Some(problem.code), is_failure: true, took }
        }
        Err(Failure::Failed(_) | Failure::Usage(_)) => {
            Answer { refusal: Some("no_answer".into()), is_failure: true, took }
        }
    }
}

/// A sandbox's clock, moved on by a member of staff.
struct ServerClock {
    staff: Client,
    now: Timestamp,
}

impl ServerClock {
    async fn new(remote: &Remote, email: &str) -> Result<Self, Failure> {
        let password = std::env::var("LEASEHOLD_STAFF_PASSWORD").map_err(|_| {
            Failure::Usage(
                "--clock moves the server's clock: put the password into LEASEHOLD_STAFF_PASSWORD"
                    .into(),
            )
        })?;
        let staff = Client::log_in(remote, email, &password).await?;
        let now = moment_in(&staff.get("/v1/sandbox/clock", &[]).await?.body, "now")?;
        Ok(Self { staff, now })
    }

    /// Moves the clock on to `moment`, unless it is there already.
    async fn advance_to(&mut self, moment: Timestamp) -> Result<(), Failure> {
        let seconds = (moment - self.now).num_seconds();
        if seconds > 0 {
            let body = json!({ "advance": format!("PT{seconds}S") });
            let reply = self.staff.post("/v1/sandbox/clock", &body).await?;
            self.now = moment_in(&reply.body, "now")?;
        }
        Ok(())
    }
}

/// A bar on a terminal; a line now and then elsewhere.
#[derive(Clone)]
struct Progress {
    bar: ProgressBar,
    total: usize,
    done: Arc<AtomicUsize>,
    is_plain: bool,
}

impl Progress {
    fn new(total: usize) -> Self {
        let is_plain = !std::io::stderr().is_terminal();
        let bar = if is_plain {
            ProgressBar::hidden()
        } else {
            let style = ProgressStyle::with_template("{bar:40} {pos}/{len} {per_sec} {eta} left");
            let length = u64::try_from(total).unwrap_or(u64::MAX);
            ProgressBar::new(length)
                .with_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()))
        };
        Self { bar, total, done: Arc::default(), is_plain }
    }

    fn step(&self) {
        self.bar.inc(1);
        let done = self.done.fetch_add(1, Ordering::Relaxed) + 1;
        let tenths = |done: usize| done * 10 / self.total;
        if self.is_plain && tenths(done) > tenths(done - 1) {
            show::complain(&format!("{done} of {} requests\n", self.total));
        }
    }

    fn finish(&self) {
        self.bar.finish_and_clear();
    }
}
