//! What can be said of a pool, which of its units are delivered when, and which are kept off the market.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::capacity::Purpose;
use crate::kernel::{
    BlockId, DeliveryId, Name, OrganizationId, PoolId, Reason, SiteId, Span, Timestamp, words,
};
use crate::supply::shared::{Invalid, LEAST, Quantity, UnitRange};

/// What a provider says of a pool.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct PoolFacts {
    /// Unique at its site.
    pub name: Name,
    /// An id of the catalogue: `h100-sxm`.
    pub accelerator: Name,
    /// 1, 8 or 72 for a single GPU, a server or a rack; at most 1,024.
    #[schema(minimum = 1, maximum = 1024)]
    pub gpus_per_unit: u32,
    /// How many units there are, at most 10,000,000.
    #[schema(minimum = 1, maximum = 10_000_000)]
    pub units: u32,
    /// Electrical, before the site's PUE; at most 100,000.
    pub kw_per_unit: Quantity,
    /// What connects the units, in words: `InfiniBand NDR 400G`.
    pub fabric: Option<Name>,
    /// Units with full bandwidth among themselves; all of them unless said otherwise.
    #[schema(minimum = 1)]
    pub units_per_island: Option<u32>,
    /// Unit numbers are handed out this long before the start; a day unless said otherwise.
    #[serde(default = "one_day")]
    pub pin_lead: Span,
}

fn one_day() -> Span {
    Span::days(1)
}

/// What is to change about a pool; what is left out stays. Its hardware never changes: another number
/// or kind of units is another pool.
#[derive(Debug, Clone, Default, PartialEq, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct PoolChanges {
    pub name: Option<Name>,
    pub kw_per_unit: Option<Quantity>,
    pub fabric: Option<Name>,
    #[schema(minimum = 1)]
    pub units_per_island: Option<u32>,
    pub pin_lead: Option<Span>,
}

impl PoolFacts {
    /// Refuses what no pool can be, and settles what was left open.
    ///
    /// # Errors
    /// The first [`Invalid`] field.
    pub fn checked(mut self) -> Result<PoolFacts, Invalid> {
        let count = |field, number: u32, most: u32| {
            let detail = || format!("{number} is not a number from 1 to {most}");
            if (1..=most).contains(&number) { Ok(()) } else { Err(Invalid::new(field, detail())) }
        };
        count("gpus_per_unit", self.gpus_per_unit, 1024)?;
        count("units", self.units, 10_000_000)?;
        let gpus = u64::from(self.gpus_per_unit) * u64::from(self.units);
        if i32::try_from(gpus).is_err() {
            let detail = format!("{gpus} GPUs are more than one pool can have; make several");
            return Err(Invalid::new("units", detail));
        }
        let island = *self.units_per_island.get_or_insert(self.units);
        count("units_per_island", island, self.units)?;
        self.kw_per_unit.check("kw_per_unit", LEAST, 100_000)?;
        if self.pin_lead > Span::days(365) {
            return Err(Invalid::new(
                "pin_lead",
                "unit numbers are handed out at most P365D ahead",
            ));
        }
        Ok(self)
    }

    /// The facts after `changes`.
    ///
    /// # Errors
    /// The first [`Invalid`] field.
    pub fn changed(&self, changes: PoolChanges) -> Result<PoolFacts, Invalid> {
        let after = PoolFacts {
            name: changes.name.unwrap_or_else(|| self.name.clone()),
            kw_per_unit: changes.kw_per_unit.unwrap_or(self.kw_per_unit),
            fabric: changes.fabric.or_else(|| self.fabric.clone()),
            units_per_island: changes.units_per_island.or(self.units_per_island),
            pin_lead: changes.pin_lead.unwrap_or(self.pin_lead),
            ..self.clone()
        };
        after.checked()
    }
}

/// Identical hardware at one site.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct Pool {
    pub id: PoolId,
    pub site_id: SiteId,
    pub provider_id: OrganizationId,
    #[serde(flatten)]
    pub facts: PoolFacts,
    pub revision: i32,
    pub created_at: DateTime<Utc>,
}

impl Pool {
    /// GPUs of the whole pool.
    pub fn gpus(&self) -> u32 {
        self.facts.units.saturating_mul(self.facts.gpus_per_unit)
    }

    /// Units with full bandwidth among themselves.
    pub fn units_per_island(&self) -> u32 {
        self.facts.units_per_island.unwrap_or(self.facts.units)
    }
}

words! {
    /// How far a delivery is.
    pub enum DeliveryStatus {
        /// Expected at its date.
        Planned = "planned",
        /// Put off to a later date.
        Late = "late",
        /// There, and found good.
        Accepted = "accepted",
    }
}

/// A milestone of a pool: units that can be used from a date on.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct Delivery {
    pub id: DeliveryId,
    pub pool_id: PoolId,
    #[serde(flatten)]
    pub units: UnitRange,
    /// From then on the units can be used.
    pub usable_from: DateTime<Utc>,
    pub status: DeliveryStatus,
    /// It was put off then, and has not come since.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub late_since: Option<DateTime<Utc>>,
    pub created_at: DateTime<Utc>,
}

/// The delivery of all units of `pool` at `usable_from`.
pub fn whole(pool: &Pool, usable_from: Timestamp, now: Timestamp) -> Delivery {
    let is_there = usable_from <= now;
    Delivery {
        id: DeliveryId::new(now),
        pool_id: pool.id,
        units: (0, pool.facts.units).into(),
        usable_from,
        late_since: None,
        status: if is_there { DeliveryStatus::Accepted } else { DeliveryStatus::Planned },
        created_at: now,
    }
}

/// Why a delivery stays as it is.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DeliveryRefusal {
    #[error("delivery {0} was accepted; what is wrong with its units now is a block of kind fault")]
    Accepted(DeliveryId),
}

impl Delivery {
    /// With another date from `now` on: late if it is put off.
    ///
    /// # Errors
    /// [`DeliveryRefusal::Accepted`].
    pub fn rescheduled(
        &self,
        usable_from: Timestamp,
        now: Timestamp,
    ) -> Result<Delivery, DeliveryRefusal> {
        if self.status == DeliveryStatus::Accepted {
            return Err(DeliveryRefusal::Accepted(self.id));
        }
        if usable_from <= self.usable_from {
            return Ok(Delivery { usable_from, ..self.clone() });
        }
        // Its units were there in the meantime if it had been late until then.
        let still_late = self.late_since.filter(|_| self.usable_from > now);
        let late_since = still_late.or(Some(now));
        Ok(Delivery { usable_from, status: DeliveryStatus::Late, late_since, ..self.clone() })
    }

    /// Accepted; its units can be used from `now` on if they could not before.
    ///
    /// # Errors
    /// [`DeliveryRefusal::Accepted`].
    pub fn accepted(&self, now: Timestamp) -> Result<Delivery, DeliveryRefusal> {
        if self.status == DeliveryStatus::Accepted {
            return Err(DeliveryRefusal::Accepted(self.id));
        }
        let usable_from = self.usable_from.min(now);
        Ok(Delivery { usable_from, status: DeliveryStatus::Accepted, ..self.clone() })
    }
}

/// The units of a pool of `units` units that cannot be used yet, with the end of that: `None` for
/// units that no delivery names. Units that can be used by `now` are left out; neighbours with the
/// same end are one.
pub fn undelivered(
    units: u32,
    deliveries: &[(UnitRange, Timestamp)],
    now: Timestamp,
) -> Vec<(UnitRange, Option<Timestamp>)> {
    let mut deliveries = deliveries.to_vec();
    deliveries.sort_by_key(|(range, _)| range.first_unit);
    let mut pieces: Vec<(UnitRange, Option<Timestamp>)> = Vec::new();
    let mut put = |first_unit: u32, end_unit: u32, until: Option<Timestamp>| match pieces.last_mut()
    {
        Some((last, same)) if last.end_unit == first_unit && *same == until => {
            last.end_unit = end_unit;
        }
        _ if first_unit < end_unit => pieces.push((UnitRange { first_unit, end_unit }, until)),
        _ => {}
    };
    let mut next = 0;
    for (range, usable_from) in deliveries {
        put(next, range.first_unit, None);
        if usable_from > now {
            put(range.first_unit, range.end_unit, Some(usable_from));
        }
        next = range.end_unit;
    }
    put(next, units, None);
    pieces
}

words! {
    /// Why a provider keeps units off the market.
    pub enum BlockKind {
        /// It uses them itself.
        OwnUse = "own_use",
        /// It works on them.
        Maintenance = "maintenance",
        /// They are broken.
        Fault = "fault",
    }
}

impl BlockKind {
    /// The purpose of its rectangle on the plane.
    pub fn purpose(self) -> Purpose {
        match self {
            BlockKind::OwnUse => Purpose::OwnUse,
            BlockKind::Maintenance => Purpose::Maintenance,
            BlockKind::Fault => Purpose::Fault,
        }
    }
}

/// Capacity that the provider keeps off the market.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct Block {
    pub id: BlockId,
    pub pool_id: PoolId,
    pub kind: BlockKind,
    #[serde(flatten)]
    pub units: UnitRange,
    pub starts_at: DateTime<Utc>,
    /// `null`: until it is lifted.
    pub ends_at: Option<DateTime<Utc>>,
    pub reason: Reason,
    /// When the units were given back before the end.
    pub lifted_at: Option<DateTime<Utc>>,
    pub created_at: DateTime<Utc>,
}

impl Block {
    /// Whether there is nothing to lift at `now`.
    pub fn is_over(&self, now: Timestamp) -> bool {
        self.lifted_at.is_some() || self.ends_at.is_some_and(|end| end <= now)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use chrono::DateTime;
    use proptest::prelude::*;

    fn at(second: i64) -> Timestamp {
        DateTime::from_timestamp(second, 0).unwrap()
    }

    proptest! {
        #[test]
        fn a_unit_is_undelivered_until_its_delivery_and_for_ever_without_one(
            cuts in proptest::collection::btree_set(0u32..40, 2..10),
            dates in proptest::collection::vec(proptest::option::of(0i64..6), 10),
        ) {
            let cuts: Vec<u32> = cuts.into_iter().collect();
            let deliveries: Vec<_> = cuts
                .windows(2)
                .zip(&dates)
                .filter_map(|(cut, date)| Some((UnitRange::from((cut[0], cut[1])), at((*date)?))))
                .collect();
            let pieces = undelivered(40, &deliveries, at(3));
            for unit in 0..40 {
                let holds = |range: &UnitRange| (range.first_unit..range.end_unit).contains(&unit);
                let delivery = deliveries.iter().find(|(range, _)| holds(range));
                let expected = match delivery {
                    None => Some(None),
                    Some((_, date)) if *date > at(3) => Some(Some(*date)),
                    Some(_) => None,
                };
                let found: Vec<_> =
                    pieces.iter().filter(|(range, _)| holds(range)).map(|piece| piece.1).collect();
                prop_assert_eq!(found, expected.into_iter().collect::<Vec<_>>());
            }
            for pair in pieces.windows(2) {
                prop_assert!(pair[0].0.end_unit < pair[1].0.first_unit || pair[0].1 != pair[1].1);
            }
        }
    }

    #[test]
    fn a_delivery_is_late_when_put_off_and_final_when_accepted() {
        let delivery = Delivery {
            id: DeliveryId::new(at(0)),
            pool_id: PoolId::new(at(0)),
            units: (0, 8).into(),
            usable_from: at(100),
            status: DeliveryStatus::Planned,
            late_since: None,
            created_at: at(0),
        };
        let earlier = delivery.rescheduled(at(50), at(0)).unwrap();
        assert_eq!((earlier.usable_from, earlier.status), (at(50), DeliveryStatus::Planned));
        let late = delivery.rescheduled(at(200), at(0)).unwrap();
        assert_eq!((late.usable_from, late.status), (at(200), DeliveryStatus::Late));
        let early = late.accepted(at(150)).unwrap();
        assert_eq!((early.usable_from, early.status), (at(150), DeliveryStatus::Accepted));
        assert!(early.accepted(at(160)).is_err() && early.rescheduled(at(300), at(160)).is_err());
        assert_eq!(delivery.accepted(at(500)).unwrap().usable_from, at(100));
    }
}
