//! A line of a schedule as quotas count it.

use std::sync::Arc;

use rust_decimal::Decimal;
use rust_decimal::prelude::ToPrimitive;

use super::schedule::Tranche;
use crate::kernel::{Rate, Timestamp};
use crate::quotas::{Line, Place};

/// `tranche` as quotas count it.
pub fn held(tranche: &Tranche, place: Arc<Place>) -> Line {
    let period = (tranche.starts_at, tranche.ends_at);
    line(place, period, tranche.gpus, tranche.mw, tranche.rate)
}

/// `gpus` GPUs that draw `mw` at the meter, at `rate`, for `period`.
pub fn line(
    place: Arc<Place>,
    period: (Timestamp, Timestamp),
    gpus: u32,
    mw: Decimal,
    rate: Rate,
) -> Line {
    let millionths =
        |number: Decimal| (number * Decimal::from(1_000_000)).round().to_i64().unwrap_or(i64::MAX);
    Line {
        place,
        from: period.0.timestamp_micros(),
        until: period.1.timestamp_micros(),
        gpus,
        watts: millionths(mw),
        rate_millionths: millionths(rate.decimal()),
    }
}
