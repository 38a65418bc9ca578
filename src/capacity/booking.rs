//! What is asked of a plane, whose it is, and what was given.

use uuid::Uuid;

use super::instants::instant;
use super::rules::{self, Placement, Purpose, Rect, Units};
use crate::kernel::{OrganizationId, Period, PoolId, Span, Timestamp};

/// Whose a rectangle is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Owner {
    /// Tranche, line of a quote, block or pool.
    pub id: Uuid,
    /// What a person would open: the lease, quote, block or pool.
    pub subject: Uuid,
    /// The tenant whose it is; `None` for the provider's own.
    pub organization: Option<OrganizationId>,
}

/// Capacity asked for by a tenant.
#[derive(Debug, Clone)]
pub struct Booking {
    pub pool: PoolId,
    pub owner: Owner,
    /// [`Purpose::Lease`] or [`Purpose::Hold`].
    pub purpose: Purpose,
    pub units: u32,
    pub period: Period,
    /// The part of the pool that is offered.
    pub within: Units,
    pub placement: Placement,
    /// The unit numbers are handed out this long before the start.
    pub pin_lead: Span,
}

/// Where a booking was put.
#[derive(Debug, Clone, Default)]
pub struct Booked {
    /// Disjoint runs, ascending.
    pub units: Vec<Units>,
    /// How many other bookings were moved for it.
    pub moves: usize,
    /// An extension stays on the units that it had, or these were not handed out yet.
    pub keeps_units: bool,
}

/// What an owner holds on a plane.
#[derive(Debug, Clone)]
pub struct Held {
    pub rects: Vec<Rect>,
}

impl Held {
    /// Its units, in disjoint runs, at the end of its period.
    pub fn last_units(&self) -> Vec<Units> {
        let end = self.rects.iter().map(|rect| rect.window.until).max();
        let last = self.rects.iter().filter(|rect| Some(rect.window.until) == end);
        rules::joined(last.map(|rect| rect.units).collect())
    }

    /// The units that it has from `at` on, in disjoint runs, all of them that it has at some time.
    pub fn units_from(&self, at: Timestamp) -> Vec<Units> {
        let left = self.rects.iter().filter(|rect| rect.window.until > instant(at));
        rules::joined(left.map(|rect| rect.units).collect())
    }
}

/// Units that were given up, for how long.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Freed {
    pub units: Units,
    pub period: Period,
}
