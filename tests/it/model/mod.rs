//! The market against its own tables: random acts of all kinds on two servers, and after each of them
//! everything that is remembered, shown and owed is worked out anew from what is written.
//!
//! ```text
//! seed ─▶ an act ─▶ the servers ─▶ the tables ─▶ what must be ─▶ compared with memory and replies
//!            ▲                         │
//!            └── chosen among what there is
//! ```
//!
//! A failure prints the seed and the acts that led to it. `LEASEHOLD_SEED=n` plays the run `n` again,
//! `LEASEHOLD_ACTS=n` plays longer ones, `LEASEHOLD_KEEP_GOING=1` says every fault once and goes on, and
//! `LEASEHOLD_SHRINK=1` leaves out acts for as long as the failure stays. `make soak` plays fresh seeds
//! for an hour.

mod acts;
mod checks;
mod counts;
mod dice;
mod scene;
mod sums;
mod supply;
mod takings;
mod truth;
mod world;

use std::collections::{BTreeMap, HashSet};
use std::time::{Duration, Instant};

use checks::Complaint;
use dice::Dice;
use world::World;

use crate::support::Market;

/// Acts of one run.
const ACTS: usize = 640;
/// Acts that are printed before a failure.
const TOLD: usize = 40;

/// How often each act was answered with each status and code.
type Tally = BTreeMap<(&'static str, u16, String), u32>;

/// What a run came to.
struct Outcome {
    /// The first thing that did not hold, with the step after which it did not; all of them, one of a
    /// kind, if the run goes on.
    complaints: Vec<(usize, Complaint)>,
    story: Vec<String>,
    tally: Tally,
}

fn setting(name: &str) -> Option<u64> {
    std::env::var(name)
        .ok()
        .map(|text| text.parse().unwrap_or_else(|_| panic!("{name} is a number")))
}

/// Plays the steps of the run `seed`, until something does not hold.
async fn play(seed: u64, steps: &[usize], keeps_going: bool) -> Outcome {
    let market = Market::open_servers(2).await;
    let mut world = World::of(&market).await;
    let mut complaints: Vec<(usize, Complaint)> = Vec::new();
    let mut known = HashSet::new();
    for &step in steps {
        let mut dice = Dice::of(seed, step);
        for found in world.step(&mut dice).await {
            if known.insert((found.check, found.about)) {
                world.story.push(format!("    ✗ {}: {}", found.check, found.text));
                complaints.push((step, found));
            }
        }
        if !complaints.is_empty() && !keeps_going {
            break;
        }
    }
    Outcome { complaints, story: world.story, tally: world.tally }
}

/// Plays the run `seed` and fails with its story if something does not hold.
async fn run(seed: u64) -> Tally {
    let acts = setting("LEASEHOLD_ACTS").map_or(ACTS, |acts| usize::try_from(acts).unwrap());
    let keeps_going = setting("LEASEHOLD_KEEP_GOING").is_some();
    println!("LEASEHOLD_SEED={seed} LEASEHOLD_ACTS={acts}");
    let steps: Vec<usize> = (0..acts).collect();
    let mut outcome = Box::pin(play(seed, &steps, keeps_going)).await;
    tell(&outcome.tally);
    if outcome.complaints.is_empty() {
        return outcome.tally;
    }
    if setting("LEASEHOLD_SHRINK").is_some() {
        outcome = Box::pin(shrunk(seed, outcome)).await;
    }
    let told = if keeps_going { 0 } else { outcome.story.len().saturating_sub(TOLD) };
    panic!(
        "{}\n\n{}\n\nLEASEHOLD_SEED={seed} plays it again",
        outcome.story[told..].join("\n"),
        outcome
            .complaints
            .iter()
            .map(|(step, found)| format!("after act {step}, {}: {}", found.check, found.text))
            .collect::<Vec<_>>()
            .join("\n")
    )
}

/// Leaves out as many acts as possible while the same check fails: halves, quarters, and so on.
async fn shrunk(seed: u64, found: Outcome) -> Outcome {
    let (last, complaint) = found.complaints[0].clone();
    let mut steps: Vec<usize> = (0..=last).collect();
    let mut best = found;
    let mut size = steps.len() / 2;
    while size > 0 {
        let mut from = 0;
        while from < steps.len() {
            let mut fewer = steps.clone();
            fewer.drain(from..(from + size).min(steps.len()));
            let outcome = Box::pin(play(seed, &fewer, false)).await;
            match outcome.complaints.first() {
                Some((step, again)) if again.check == complaint.check => {
                    fewer.retain(|one| one <= step);
                    steps = fewer;
                    best = outcome;
                }
                _ => from += size,
            }
        }
        println!("{} acts are enough: {steps:?}", steps.len());
        size /= 2;
    }
    best
}

/// Prints how often each act was answered how, so that one can see whether each was done at all.
fn tell(tally: &Tally) {
    for ((act, status, code), count) in tally {
        println!("{count:7} {act:26} {status} {code}");
    }
}

fn fresh_seed() -> u64 {
    rand::random::<u64>() >> 32
}

/// One of the runs that are played at the same time.
async fn one_of_many() {
    let seed = setting("LEASEHOLD_SEED").unwrap_or_else(fresh_seed);
    run(seed).await;
}

macro_rules! runs {
    ($($name:ident)+) => {$(
        #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
        async fn $name() {
            Box::pin(one_of_many()).await;
        }
    )+};
}
runs! {
    what_is_remembered_and_shown_follows_from_the_tables_first_run
    what_is_remembered_and_shown_follows_from_the_tables_second_run
    what_is_remembered_and_shown_follows_from_the_tables_third_run
    what_is_remembered_and_shown_follows_from_the_tables_fourth_run
    what_is_remembered_and_shown_follows_from_the_tables_fifth_run
    what_is_remembered_and_shown_follows_from_the_tables_sixth_run
    what_is_remembered_and_shown_follows_from_the_tables_seventh_run
    what_is_remembered_and_shown_follows_from_the_tables_eighth_run
}

/// Plays fresh runs for `LEASEHOLD_SOAK_SECONDS`; says how often each act was answered how.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn soak() {
    let Some(seconds) = setting("LEASEHOLD_SOAK_SECONDS") else { return };
    let begun = Instant::now();
    let mut tally = Tally::new();
    while begun.elapsed() < Duration::from_secs(seconds) {
        for (key, count) in Box::pin(run(fresh_seed())).await {
            *tally.entry(key).or_default() += count;
        }
    }
    tell(&tally);
}
