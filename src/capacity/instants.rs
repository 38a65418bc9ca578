//! Times and periods as the planner counts them, and back.

use super::rules::{BEGINNING_OF_TIME, END_OF_TIME, Instant, Window};
use crate::kernel::{Period, Timestamp};

/// `period` as the planner's window.
pub fn window(period: Period) -> Window {
    Window::new(instant(period.starts_at), instant(period.ends_at))
}

/// `at` as the planner's instant: microseconds since 1970.
pub fn instant(at: Timestamp) -> Instant {
    at.timestamp_micros()
}

/// The planner's instant as a time; `None` for either end of time.
pub fn timestamp(at: Instant) -> Option<Timestamp> {
    match at {
        BEGINNING_OF_TIME | END_OF_TIME => None,
        micros => chrono::DateTime::from_timestamp_micros(micros),
    }
}
