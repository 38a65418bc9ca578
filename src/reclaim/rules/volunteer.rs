//! What a tenant offers to give back: its states, what it is, and what it costs.

use rust_decimal::Decimal;

use super::case::Measure;
use super::settlement::taken;
use crate::kernel::{Money, Rate, Span, Timestamp, TrancheId, VolunteerId, words};
use crate::leases::Tranche;

words! {
    /// Where a tenant's offer to give units back stands.
    pub enum VolunteerState {
        /// The provider can take it.
        Open = "open",
        /// The tenant took it back, or its line of the lease is over.
        Withdrawn = "withdrawn",
        /// The provider took it.
        Taken = "taken",
    }
}

/// Units of a line that its tenant would give up of its own will.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Volunteer {
    pub line: TrancheId,
    /// At most so many.
    pub units: u32,
    /// Asked for on top of the price of what is given up.
    pub premium: Rate,
    /// Time that the tenant needs to leave.
    pub notice: Span,
}

/// An open offer of such units.
#[derive(Debug, Clone, Copy)]
pub struct Offered {
    pub id: VolunteerId,
    pub volunteer: Volunteer,
}

impl Volunteer {
    /// What giving up `units` of its line in `tranches` from `at` on costs: the price of the time given back,
    /// and the premium on it.
    pub fn price(&self, tranches: &[Tranche], units: u32, at: Timestamp) -> (Money, Money) {
        let measure = Measure::Partial { tranche_id: self.line, units, until: None };
        let portions = taken(measure, tranches, at);
        let unused: Money = portions.iter().map(|portion| portion.price).sum();
        let hours: Decimal = portions.iter().map(|portion| portion.gpu_hours).sum();
        (unused, unused + self.premium.price_of_hours(hours))
    }
}
