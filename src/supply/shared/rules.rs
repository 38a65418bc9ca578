//! Ranges of units, of which pools and offers speak, and physical quantities. Pure.

use std::fmt;

use rust_decimal::Decimal;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::error::Invalid;
use crate::kernel::money::parse_decimal;

/// Units `[first_unit, end_unit)` of a pool, which are numbered from 0 in physical order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct UnitRange {
    /// The first of them.
    pub first_unit: u32,
    /// The first one after them.
    pub end_unit: u32,
}

impl UnitRange {
    /// Refuses a range that is empty or leaves a pool of `units` units.
    ///
    /// # Errors
    /// [`Invalid`] naming `end_unit`.
    pub fn check_inside(self, units: u32) -> Result<(), Invalid> {
        if self.first_unit < self.end_unit && self.end_unit <= units {
            return Ok(());
        }
        Err(Invalid::new(
            "end_unit",
            format!(
                "units {self} are not inside the pool, which has units 0 to {}; the range ends before end_unit",
                units.saturating_sub(1)
            ),
        ))
    }

    /// How many they are.
    pub fn count(self) -> u32 {
        self.end_unit.saturating_sub(self.first_unit)
    }
}

impl fmt::Display for UnitRange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "[{}, {})", self.first_unit, self.end_unit)
    }
}

impl From<(u32, u32)> for UnitRange {
    fn from((first_unit, end_unit): (u32, u32)) -> UnitRange {
        UnitRange { first_unit, end_unit }
    }
}

/// A physical quantity: a plain decimal, in a string on the wire.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, sqlx::Type)]
#[sqlx(transparent)]
pub struct Quantity(pub Decimal);

impl Quantity {
    /// One.
    pub const ONE: Quantity = Quantity(Decimal::ONE);

    /// Refuses a quantity outside `low..=high` or with more than six decimals.
    ///
    /// # Errors
    /// [`Invalid`] naming `field`.
    pub fn check(self, field: &str, low: Decimal, high: u32) -> Result<(), Invalid> {
        if self.0 >= low && self.0 <= Decimal::from(high) && self.0.normalize().scale() <= 6 {
            return Ok(());
        }
        let detail =
            format!("{self} is not a decimal from {low} to {high} with at most 6 decimals");
        Err(Invalid::new(field, detail))
    }
}

impl fmt::Display for Quantity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.normalize().fmt(f)
    }
}

impl Serialize for Quantity {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Quantity {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<'de, str>::deserialize(deserializer)?;
        parse_decimal(&text).map(Quantity).ok_or_else(|| {
            serde::de::Error::custom("expected a decimal in a string, such as \"10.2\"")
        })
    }
}

impl utoipa::PartialSchema for Quantity {
    fn schema() -> utoipa::openapi::RefOr<utoipa::openapi::schema::Schema> {
        utoipa::openapi::ObjectBuilder::new()
            .schema_type(utoipa::openapi::schema::Type::String)
            .pattern(Some(r"^\d+(\.\d+)?$"))
            .examples(["10.2"])
            .into()
    }
}
impl utoipa::ToSchema for Quantity {}

/// The smallest quantity that is more than nothing: a millionth.
pub const LEAST: Decimal = Decimal::from_parts(1, 0, 0, false, 6);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_quantity_has_bounds_and_six_decimals() {
        let check = |text: &str| Quantity(text.parse().unwrap()).check("kw_per_unit", LEAST, 100);
        for text in ["0.000001", "10.2", "100", "100.000000000"] {
            assert_eq!(check(text), Ok(()), "{text}");
        }
        for text in ["0", "-1", "100.1", "1.0000001"] {
            assert!(check(text).is_err(), "{text}");
        }
    }

    #[test]
    fn a_range_of_units_lies_inside_its_pool() {
        for (first_unit, end_unit, is_inside) in
            [(0, 8, true), (7, 8, true), (0, 9, false), (3, 3, false), (5, 4, false)]
        {
            let range = UnitRange { first_unit, end_unit };
            assert_eq!(range.check_inside(8).is_ok(), is_inside, "{range}");
        }
    }
}
