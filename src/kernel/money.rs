//! Money: decimal, never float; multiplied first, rounded once.

use std::fmt;
use std::iter::Sum;
use std::ops::{Add, Neg, Sub};
use std::str::FromStr;

use rust_decimal::{Decimal, RoundingStrategy};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::time::Period;

/// An amount in the deployment's currency, with two decimals; negative amounts are credits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default, sqlx::Type)]
#[sqlx(transparent)]
pub struct Money(Decimal);

impl Money {
    /// Nothing.
    pub const ZERO: Money = Money(Decimal::ZERO);

    /// The one rounding of the system: to the cent, halves away from zero.
    pub fn round(exact: Decimal) -> Money {
        let mut cents = exact.round_dp_with_strategy(2, RoundingStrategy::MidpointAwayFromZero);
        cents.rescale(2);
        Money(cents)
    }

    /// The exact decimal.
    pub fn decimal(self) -> Decimal {
        self.0
    }

    /// `share` of this amount, rounded.
    pub fn share(self, share: Decimal) -> Money {
        Money::round(self.0 * share)
    }
}

impl fmt::Display for Money {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:.2}", self.0)
    }
}

impl Add for Money {
    type Output = Money;
    fn add(self, other: Money) -> Money {
        Money(self.0 + other.0)
    }
}

impl Sub for Money {
    type Output = Money;
    fn sub(self, other: Money) -> Money {
        Money(self.0 - other.0)
    }
}

impl Neg for Money {
    type Output = Money;
    fn neg(self) -> Money {
        Money(-self.0)
    }
}

impl Sum for Money {
    fn sum<I: Iterator<Item = Money>>(amounts: I) -> Money {
        amounts.fold(Money::ZERO, Add::add)
    }
}

impl Serialize for Money {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Money {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        decimal_text(deserializer).map(Money::round)
    }
}

/// A price per GPU and hour, from 0 to 1,000,000 with at most six decimals.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, sqlx::Type)]
#[sqlx(transparent)]
pub struct Rate(Decimal);

/// Text that is no rate.
#[derive(Debug, Clone, thiserror::Error)]
#[error("a rate is a decimal from 0 to 1000000 with at most 6 decimals, such as 2.50")]
pub struct NotARate;

impl Rate {
    /// # Errors
    /// [`NotARate`] if `per_gpu_hour` is out of bounds.
    pub fn new(per_gpu_hour: Decimal) -> Result<Rate, NotARate> {
        let rate = per_gpu_hour.normalize();
        if rate.is_sign_negative() && !rate.is_zero()
            || rate > Decimal::from(1_000_000)
            || rate.scale() > 6
        {
            return Err(NotARate);
        }
        Ok(Rate(rate))
    }

    /// The exact decimal.
    pub fn decimal(self) -> Decimal {
        self.0
    }

    /// Price of `gpus` GPUs for `period`: `rate × gpus × whole seconds / 3600`, rounded once.
    pub fn price(self, gpus: u32, period: Period) -> Money {
        self.price_of(i64::from(gpus).saturating_mul(period.seconds()))
    }

    /// Price of so many GPU-hours, rounded once.
    pub fn price_of_hours(self, gpu_hours: Decimal) -> Money {
        Money::round(self.0 * gpu_hours)
    }

    /// Price of so many GPU-seconds: `rate × GPU-seconds / 3600`, rounded once.
    pub fn price_of(self, gpu_seconds: i64) -> Money {
        Money::round(self.0 * Decimal::from(gpu_seconds) / Decimal::from(3600))
    }
}

impl fmt::Display for Rate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let digits = self.0.normalize().scale().max(2);
        write!(f, "{:.*}", usize::try_from(digits).unwrap_or(2), self.0)
    }
}

impl FromStr for Rate {
    type Err = NotARate;
    fn from_str(text: &str) -> Result<Rate, NotARate> {
        parse_decimal(text).ok_or(NotARate).and_then(Rate::new)
    }
}

impl Serialize for Rate {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Rate {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Rate::new(decimal_text(deserializer)?).map_err(serde::de::Error::custom)
    }
}

/// A plain decimal such as `2.50`: digits, one point, a sign; no exponent, no NaN, nothing lost.
pub fn parse_decimal(text: &str) -> Option<Decimal> {
    let is_plain = text.bytes().all(|byte| byte.is_ascii_digit() || matches!(byte, b'.' | b'-'));
    if !is_plain || text.len() > 30 {
        return None;
    }
    Decimal::from_str_exact(text).ok()
}

fn decimal_text<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Decimal, D::Error> {
    let text = std::borrow::Cow::<'de, str>::deserialize(deserializer)?;
    parse_decimal(&text)
        .ok_or_else(|| serde::de::Error::custom("expected a decimal in a string, such as \"2.50\""))
}

macro_rules! decimal_schema {
    ($($name:ident: $example:literal),*) => {$(
        impl utoipa::PartialSchema for $name {
            fn schema() -> utoipa::openapi::RefOr<utoipa::openapi::schema::Schema> {
                utoipa::openapi::ObjectBuilder::new()
                    .schema_type(utoipa::openapi::schema::Type::String)
                    .pattern(Some(r"^-?\d+(\.\d+)?$"))
                    .examples([$example])
                    .into()
            }
        }
        impl utoipa::ToSchema for $name {}
    )*};
}
decimal_schema!(Money: "41300.00", Rate: "2.50");

#[cfg(test)]
mod tests {
    use super::*;
    use chrono::{DateTime, TimeDelta};
    use proptest::prelude::*;

    fn period(seconds: i64) -> Period {
        let start = DateTime::from_timestamp(1_800_000_000, 0).unwrap();
        Period { starts_at: start, ends_at: start + TimeDelta::seconds(seconds) }
    }

    proptest! {
        #[test]
        fn a_price_is_within_half_a_cent_of_the_exact_product(
            micros in 0i64..1_000_000_000, gpus in 0u32..300_000, seconds in 0i64..400_000_000,
        ) {
            let rate = Rate::new(Decimal::new(micros, 6)).unwrap();
            let exact = Decimal::new(micros, 6) * Decimal::from(gpus) * Decimal::from(seconds)
                / Decimal::from(3600);
            let difference = (rate.price(gpus, period(seconds)).decimal() - exact).abs();
            prop_assert!(difference <= Decimal::new(5, 3));
        }

        #[test]
        fn any_text_is_a_rate_or_refused(text in "[-0-9.eENan+ ]{0,40}") {
            if let Ok(rate) = text.parse::<Rate>() {
                prop_assert_eq!(rate.to_string().parse::<Rate>().unwrap(), rate);
            }
        }
    }

    #[test]
    fn half_a_cent_goes_away_from_zero() {
        assert_eq!(Money::round(Decimal::new(5, 3)).to_string(), "0.01");
        assert_eq!(Money::round(Decimal::new(-5, 3)).to_string(), "-0.01");
    }

    #[test]
    fn what_is_no_number_is_no_rate() {
        for text in ["", "NaN", "inf", "1e3", "-1", "1000001", "0.0000001", "1,5", " 1"] {
            assert!(text.parse::<Rate>().is_err(), "{text}");
        }
    }
}
