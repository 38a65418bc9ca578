//! How often one caller may ask: a leaky bucket per key, in this process's memory, by the injected
//! clock. Several servers on one database each keep their own count.

use std::hash::Hash;
use std::net::IpAddr;
use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::Duration;

use governor::clock::Clock as _;
use governor::middleware::StateInformationMiddleware;
use governor::state::keyed::DashMapStateStore;
use governor::{Quota, RateLimiter};

use super::rules::Email;
use crate::api::Problem;
use crate::app::App;
use crate::kernel::Clock;

/// At most so many requests per minute for every key, spread evenly after a burst of as many.
pub struct Limiter<K: Hash + Eq + Clone> {
    limiter: Option<Keyed<K>>,
    per_minute: u32,
    clock: SinceEpoch,
}

type Keyed<K> = RateLimiter<K, DashMapStateStore<K>, SinceEpoch, StateInformationMiddleware>;

/// What a key has left.
#[derive(Debug, Clone, Copy)]
pub struct Allowance {
    /// Requests per minute.
    pub limit: u32,
    /// Requests that it may send at once now.
    pub remaining: u32,
    /// Seconds until it has its full allowance again.
    pub reset_s: u32,
}

impl<K: Hash + Eq + Clone> Limiter<K> {
    /// A limiter of `per_minute` requests; zero is no limit.
    pub fn new(per_minute: u32, clock: &Clock) -> Limiter<K> {
        let clock = SinceEpoch(clock.clone());
        let limiter = NonZeroU32::new(per_minute).map(|burst| {
            Keyed::new(Quota::per_minute(burst), DashMapStateStore::default(), clock.clone())
        });
        Limiter { limiter, per_minute, clock }
    }

    /// Counts one request of `key`; `None` where there is no limit.
    ///
    /// # Errors
    /// The allowance, which is used up, and the seconds until the next request is let through.
    pub fn take(&self, key: &K) -> Result<Option<Allowance>, (Allowance, u32)> {
        let Some(limiter) = &self.limiter else { return Ok(None) };
        match limiter.check_key(key) {
            Ok(snapshot) => {
                let remaining = snapshot.remaining_burst_capacity();
                let used = u64::from(self.per_minute.saturating_sub(remaining));
                let reset_s = (used * 60).div_ceil(u64::from(self.per_minute));
                let reset_s = u32::try_from(reset_s).unwrap_or(60);
                Ok(Some(Allowance { limit: self.per_minute, remaining, reset_s }))
            }
            Err(until) => {
                let wait = until.wait_time_from(self.clock.now());
                let wait_s = u32::try_from(wait.as_millis().div_ceil(1000)).unwrap_or(60).max(1);
                Err((Allowance { limit: self.per_minute, remaining: 0, reset_s: 60 }, wait_s))
            }
        }
    }

    /// Forgets keys that have their full allowance.
    pub fn forget_rested(&self) {
        if let Some(limiter) = &self.limiter {
            limiter.retain_recent();
            limiter.shrink_to_fit();
        }
    }
}

/// How often somebody may try to log in or register.
pub struct LogInLimits {
    by_email: Limiter<String>,
    by_peer: Limiter<IpAddr>,
}

impl LogInLimits {
    /// Those of `app`. An address may try ten times as often as an e-mail address may be tried,
    /// because a whole office sits behind one.
    pub fn of(app: &App) -> Arc<LogInLimits> {
        let per_minute = app.config.login_rate_limit;
        app.memory(|| LogInLimits {
            by_email: Limiter::new(per_minute, &app.clock),
            by_peer: Limiter::new(per_minute.saturating_mul(10), &app.clock),
        })
    }

    /// Counts a try from `peer` to be the user with `email`.
    ///
    /// # Errors
    /// 429.
    pub fn take(&self, peer: IpAddr, email: &Email) -> Result<(), Problem> {
        self.take_peer(peer)?;
        self.by_email.take(&email.as_str().to_owned()).map(|_| ()).map_err(too_many_tries)
    }

    /// Counts a try from `peer`.
    ///
    /// # Errors
    /// 429.
    pub fn take_peer(&self, peer: IpAddr) -> Result<(), Problem> {
        self.by_peer.take(&peer).map(|_| ()).map_err(too_many_tries)
    }

    /// Forgets who has not tried for a while.
    pub fn forget_rested(&self) {
        self.by_email.forget_rested();
        self.by_peer.forget_rested();
    }
}

fn too_many_tries((_, wait_s): (Allowance, u32)) -> Problem {
    Problem::too_many(format!("too many tries; try again in {wait_s} s"), wait_s)
}

/// The injected clock as governor reads one.
#[derive(Debug, Clone)]
struct SinceEpoch(Clock);

impl governor::clock::Clock for SinceEpoch {
    type Instant = Duration;
    fn now(&self) -> Duration {
        Duration::from_micros(u64::try_from(self.0.now().timestamp_micros()).unwrap_or(0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_burst_is_let_through_then_one_at_a_time() {
        let clock = Clock::default();
        let limiter = Limiter::new(60, &clock);
        let mut passed = 0;
        while limiter.take(&"ada").is_ok() {
            passed += 1;
        }
        assert!((60..=62).contains(&passed), "{passed}");
        assert!(limiter.take(&"bob").is_ok());
        let (_, wait_s) = limiter.take(&"ada").unwrap_err();
        assert_eq!(wait_s, 1);
        clock.set_offset_us(1_000_000);
        assert!(limiter.take(&"ada").is_ok());
        assert!(limiter.take(&"ada").is_err());
    }

    #[test]
    fn zero_is_no_limit() {
        let limiter = Limiter::new(0, &Clock::default());
        assert!((0..10_000).all(|_| limiter.take(&"ada").is_ok_and(|left| left.is_none())));
    }
}
