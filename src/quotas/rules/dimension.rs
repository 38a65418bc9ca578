//! What can be limited, and how its amounts are written.

use std::fmt;

use rust_decimal::Decimal;
use rust_decimal::prelude::ToPrimitive;
use serde::{Serialize, Serializer};

use crate::kernel::money::parse_decimal;
use crate::kernel::{Money, Span, words};

words! {
    /// What a quota limits.
    pub enum Dimension {
        /// GPUs at an instant.
        ConcurrentGpus = "concurrent_gpus",
        /// MW at the meter at an instant.
        ConcurrentMw = "concurrent_mw",
        /// GPU-hours in a calendar month, UTC.
        GpuHoursPerMonth = "gpu_hours_per_month",
        /// Price of what is used in a calendar month, UTC.
        SpendPerMonth = "spend_per_month",
        /// From a lease's first start to its last end.
        LongestLease = "longest_lease",
        /// Requests that wait for a provider, and quotes that hold capacity.
        OpenRequests = "open_requests",
    }
}

/// Text that is no limit of its dimension.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NotALimit {
    #[error("a limit of this dimension is a duration such as P30D, at most 230 years")]
    Duration,
    #[error(
        "a limit is a number from 0 to 9223372036854775807 with at most {decimals} decimals, in {unit}"
    )]
    Number { decimals: u32, unit: &'static str },
}

impl Dimension {
    /// What its amounts are counted in, for people.
    pub fn unit(self) -> &'static str {
        match self {
            Dimension::ConcurrentGpus => "GPUs",
            Dimension::ConcurrentMw => "MW",
            Dimension::GpuHoursPerMonth => "GPU-hours",
            Dimension::SpendPerMonth => "the currency",
            Dimension::LongestLease => "time",
            Dimension::OpenRequests => "requests",
        }
    }

    /// Whether it is counted at every instant or in every month, so that it can be shared out and drawn.
    pub fn is_over_time(self) -> bool {
        !matches!(self, Dimension::LongestLease | Dimension::OpenRequests)
    }

    /// Grains in one unit: GPUs, W, GPU-seconds, millionths of the currency for a GPU-second at a rate
    /// per hour, seconds, requests.
    fn grains_per_unit(self) -> i128 {
        match self {
            Dimension::ConcurrentGpus | Dimension::LongestLease | Dimension::OpenRequests => 1,
            Dimension::ConcurrentMw => 1_000_000,
            Dimension::GpuHoursPerMonth => 3_600,
            Dimension::SpendPerMonth => 3_600_000_000,
        }
    }

    fn decimals(self) -> u32 {
        match self {
            Dimension::ConcurrentGpus | Dimension::LongestLease | Dimension::OpenRequests => 0,
            Dimension::ConcurrentMw => 6,
            Dimension::GpuHoursPerMonth | Dimension::SpendPerMonth => 2,
        }
    }

    /// The grains that `text` says.
    ///
    /// # Errors
    /// [`NotALimit`] for what is negative, too large, too fine, or no number.
    pub fn parse(self, text: &str) -> Result<i128, NotALimit> {
        if self == Dimension::LongestLease {
            let span: Span = text.parse().map_err(|_| NotALimit::Duration)?;
            return Ok(i128::from(span.seconds()));
        }
        let wrong = || NotALimit::Number { decimals: self.decimals(), unit: self.unit() };
        let number = parse_decimal(text).ok_or_else(wrong)?.normalize();
        let is_good = number >= Decimal::ZERO
            && number <= Decimal::from(i64::MAX)
            && number.scale() <= self.decimals();
        let grains = Decimal::from_i128_with_scale(self.grains_per_unit(), 0).checked_mul(number);
        grains.filter(|_| is_good).and_then(|grains| grains.to_i128()).ok_or_else(wrong)
    }

    /// An amount of it.
    pub fn amount(self, grains: i128) -> Amount {
        Amount { dimension: self, grains }
    }
}

/// An amount of a dimension; on the wire a decimal in a string, or a duration.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Amount {
    pub dimension: Dimension,
    pub grains: i128,
}

impl Amount {
    /// As a number in the dimension's unit, rounded to what is shown.
    fn number(self) -> Decimal {
        let grains = Decimal::try_from_i128_with_scale(self.grains, 0).unwrap_or(Decimal::MAX);
        let number = grains / Decimal::from_i128_with_scale(self.dimension.grains_per_unit(), 0);
        if self.dimension == Dimension::SpendPerMonth {
            return Money::round(number).decimal();
        }
        number.round_dp(self.dimension.decimals()).normalize()
    }
}

impl fmt::Display for Amount {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.dimension == Dimension::LongestLease {
            let seconds = i64::try_from(self.grains).unwrap_or(i64::MAX);
            return Span::from_seconds(seconds).unwrap_or_default().fmt(f);
        }
        self.number().fmt(f)
    }
}

impl Serialize for Amount {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl utoipa::PartialSchema for Amount {
    fn schema() -> utoipa::openapi::RefOr<utoipa::openapi::schema::Schema> {
        utoipa::openapi::ObjectBuilder::new()
            .schema_type(utoipa::openapi::schema::Type::String)
            .examples(["2048"])
            .into()
    }
}
impl utoipa::ToSchema for Amount {}
