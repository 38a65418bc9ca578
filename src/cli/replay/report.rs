//! What came of a replay.

use std::collections::BTreeMap;
use std::time::Duration;

use serde_json::{Value, json};

use super::bounds::{self, Demand};
use super::trace::Wish;
use super::{Answer, Target};
use crate::capacity::Plane;
use crate::cli::show;

/// The figures of one replay.
#[derive(Debug)]
pub struct Report {
    requests: usize,
    accepted: usize,
    /// How often each refusal came, by its code.
    refused: BTreeMap<String, usize>,
    /// GPU-hours that were asked for, sold, and would be sold if units were a liquid.
    gpu_hours_asked: f64,
    gpu_hours_sold: f64,
    gpu_hours_fluid: f64,
    gpu_hours_without_moves: f64,
    /// Latencies in order.
    latencies: Vec<Duration>,
    elapsed: Duration,
}

impl Report {
    /// Adds up `answers` to `wishes`, in the same order, and measures them from `plane`, on which
    /// what was there before stands.
    pub fn new(
        target: &Target,
        wishes: &[Wish],
        plane: Plane,
        answers: &[Answer],
        elapsed: Duration,
    ) -> Self {
        let mut refused = BTreeMap::new();
        for code in answers.iter().filter_map(|answer| answer.refusal.clone()) {
            *refused.entry(code).or_insert(0) += 1;
        }
        let mut latencies: Vec<Duration> = answers.iter().map(|answer| answer.took).collect();
        latencies.sort_unstable();
        let demand: Vec<Demand> = wishes.iter().map(|wish| target.demand(wish)).collect();
        let accepted: Vec<bool> = answers.iter().map(|answer| answer.refusal.is_none()).collect();
        let gpu_hours = |taken: &[bool]| bounds::gpu_hours(wishes, target.gpus_per_unit, taken);
        Self {
            requests: answers.len(),
            accepted: accepted.iter().filter(|accepted| **accepted).count(),
            refused,
            gpu_hours_asked: gpu_hours(&vec![true; wishes.len()]),
            gpu_hours_sold: gpu_hours(&accepted),
            gpu_hours_fluid: gpu_hours(&bounds::by_counting(&plane, &demand)),
            gpu_hours_without_moves: gpu_hours(&bounds::without_moves(plane, &demand)),
            latencies,
            elapsed,
        }
    }

    /// For programs.
    pub fn json(&self) -> Value {
        json!({
            "requests": self.requests,
            "accepted": self.accepted,
            "refused": self.refused,
            "gpu_hours_asked": self.gpu_hours_asked,
            "gpu_hours_sold": self.gpu_hours_sold,
            "gpu_hours_fluid_bound": self.gpu_hours_fluid,
            "ratio": ratio(self.gpu_hours_sold, self.gpu_hours_fluid),
            "ratio_without_moves": ratio(self.gpu_hours_without_moves, self.gpu_hours_fluid),
            "latency_p50_ms": milliseconds(self.latency(50)),
            "latency_p99_ms": milliseconds(self.latency(99)),
            "bookings_per_second": self.per_second(),
            "seconds": self.elapsed.as_secs_f64(),
        })
    }

    /// For people.
    pub fn print(&self) {
        let refusals: Vec<String> =
            self.refused.iter().map(|(code, count)| format!("{count} {code}")).collect();
        let refused: usize = self.refused.values().sum();
        let hours = |hours: f64| show::grouped(&format!("{hours:.1}"));
        show::print_facts(&[
            ("requests", show::grouped(&self.requests.to_string())),
            ("accepted", show::grouped(&self.accepted.to_string())),
            (
                "refused",
                format!("{} {}", show::grouped(&refused.to_string()), in_brackets(&refusals)),
            ),
            ("GPU-hours asked for", hours(self.gpu_hours_asked)),
            ("GPU-hours sold", hours(self.gpu_hours_sold)),
            ("fluid bound", hours(self.gpu_hours_fluid)),
            ("sold / bound", format!("{:.4}", ratio(self.gpu_hours_sold, self.gpu_hours_fluid))),
            (
                "without moves",
                format!("{:.4}", ratio(self.gpu_hours_without_moves, self.gpu_hours_fluid)),
            ),
            (
                "latency",
                format!(
                    "p50 {:.1} ms, p99 {:.1} ms",
                    milliseconds(self.latency(50)),
                    milliseconds(self.latency(99))
                ),
            ),
            ("bookings per second", format!("{:.0}", self.per_second())),
        ]);
    }

    /// Latency that `percent` of the requests did not exceed.
    fn latency(&self, percent: usize) -> Duration {
        let rank = (self.latencies.len() * percent).div_ceil(100).saturating_sub(1);
        self.latencies.get(rank).copied().unwrap_or_default()
    }

    fn per_second(&self) -> f64 {
        count(self.accepted) / self.elapsed.as_secs_f64().max(1e-9)
    }
}

/// One when there was nothing to sell.
fn ratio(part: f64, whole: f64) -> f64 {
    if whole > 0.0 { part / whole } else { 1.0 }
}

fn count(number: usize) -> f64 {
    u32::try_from(number).map_or(f64::INFINITY, f64::from)
}

fn milliseconds(duration: Duration) -> f64 {
    duration.as_secs_f64() * 1_000.0
}

fn in_brackets(words: &[String]) -> String {
    if words.is_empty() { String::new() } else { format!("({})", words.join(", ")) }
}
