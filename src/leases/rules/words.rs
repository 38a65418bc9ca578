//! What changes a lease, how it ended, and how its units are to lie, in words.

use crate::kernel::words;

words! {
    /// What an amendment did to a lease.
    pub enum AmendmentKind {
        /// The tenant keeps it longer.
        Extend = "extend",
        /// The tenant gave some of it back.
        Shrink = "shrink",
        /// The tenant gave it up before it began.
        Cancel = "cancel",
        /// The tenant ended it early.
        End = "end",
        /// A reclaim case took it, or some of it.
        Reclaim = "reclaim",
        /// The provider bought back what the tenant had offered to give up.
        BuyBack = "buy_back",
    }

    /// What a charge besides the schedule is for.
    pub enum ChargeKind {
        /// Part of the lease was given back.
        Shrink = "shrink",
        /// The lease was given up before it began.
        Cancel = "cancel",
        /// The lease was ended early.
        End = "end",
        /// A reclaim case took units under a clause that returns nothing.
        Reclaim = "reclaim",
    }

    /// Why a lease is over.
    pub enum EndCode {
        /// It ran to the end of its period.
        PeriodOver = "period_over",
        /// The tenant gave it up before it began.
        CancelledByTenant = "cancelled_by_tenant",
        /// The tenant ended it early.
        EndedByTenant = "ended_by_tenant",
        /// The provider did not approve the request.
        Rejected = "rejected",
        /// The provider had not answered the request when the lease should have begun.
        NotApprovedInTime = "not_approved_in_time",
        /// A reclaim case took all that was left of it.
        Reclaimed = "reclaimed",
    }

    /// A side of a lease.
    pub enum Side {
        /// Who uses the capacity.
        Tenant = "tenant",
        /// Whose capacity it is.
        Provider = "provider",
    }

    /// How the units are to lie.
    #[derive(Default)]
    pub enum PlacementWish {
        /// Anywhere in the pool.
        #[default]
        Any = "any",
        /// All inside one fabric island.
        Island = "island",
    }
}

/// How the units are to lie, as a request says it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, serde::Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum PlacementBody {
    /// Anywhere in the pool.
    #[default]
    Any,
    /// All inside one fabric island.
    Island,
}

impl EndCode {
    /// The side whose act ended the lease; `None` where the server ended it, because time had passed or a
    /// reclaim case was due.
    #[must_use]
    pub const fn side(self) -> Option<Side> {
        match self {
            EndCode::CancelledByTenant | EndCode::EndedByTenant => Some(Side::Tenant),
            EndCode::Rejected => Some(Side::Provider),
            EndCode::PeriodOver | EndCode::NotApprovedInTime | EndCode::Reclaimed => None,
        }
    }
}
