//! What happened on the demo market before today: who booked what and what became of it. Invented.

/// Days before (negative) or after today.
pub type Day = i32;

/// Tenants, by the name of the organization.
pub const TENANTS: [&str; 5] = [
    "Northwind Models",
    "Kestrel Health",
    "Tidewater Forecasts",
    "Sable & Finch Studios",
    "Meridian Robotics",
];

/// One booking and its fate.
#[derive(Debug, Clone, Copy)]
pub struct Booking {
    /// An index of [`TENANTS`].
    pub tenant: usize,
    /// Name of the site; its pool's offer is booked.
    pub site: &'static str,
    pub gpus: u32,
    pub booked: Day,
    pub starts: Day,
    pub ends: Day,
    pub fate: Fate,
}

/// What becomes of a booking, besides starting and ending by itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fate {
    /// It takes its course.
    Runs,
    /// The provider accepts it, for offers that need that.
    Approved(Day),
    /// The provider declines it.
    Rejected(Day),
    /// The tenant gives it up before it begins.
    Cancelled(Day),
    /// The tenant ends it early.
    EndedEarly(Day),
    /// It is recalled under its clause; the notice is served on that day and runs for a week.
    Recalled(Day),
    /// A case of harm is served on that day; its notice of thirty days is still running.
    Noticed(Day),
    /// The same, and the tenant has appealed.
    Appealed(Day),
    /// A case of unpaid bills is served on that day, and the tenant has a plan.
    Curing(Day),
    /// A recall is handed in on that day, and waits for approvals.
    Proposed(Day),
}

/// A limit that the marketplace keeps.
#[derive(Debug, Clone, Copy)]
pub struct Limited {
    /// An index of [`TENANTS`].
    pub tenant: usize,
    pub dimension: &'static str,
    pub limit: &'static str,
    pub reason: &'static str,
    /// A raise that the tenant asks for, and why.
    pub raise: Option<(&'static str, &'static str)>,
}

/// What is limited today. The third tenant has booked more than its limit, which was lowered.
pub const QUOTAS: &[Limited] = &[
    Limited {
        tenant: 0,
        dimension: "concurrent_gpus",
        limit: "100000",
        reason: "as agreed in the master agreement",
        raise: Some(("150000", "the next model is trained from autumn on")),
    },
    Limited {
        tenant: 0,
        dimension: "spend_per_month",
        limit: "400000000",
        reason: "the guarantee covers so much a month",
        raise: None,
    },
    Limited {
        tenant: 2,
        dimension: "concurrent_gpus",
        limit: "40000",
        reason: "lowered until a case of harm is decided",
        raise: None,
    },
    Limited {
        tenant: 3,
        dimension: "longest_lease",
        limit: "P365D",
        reason: "as for every studio",
        raise: None,
    },
];

/// Site whose offers need the provider's approval.
pub const BY_APPROVAL: &[&str] = &["Microsoft Azure Eagle", "JUPITER Jülich"];

const fn booking(
    tenant: usize,
    site: &'static str,
    gpus: u32,
    days: (Day, Day, Day),
    fate: Fate,
) -> Booking {
    let (booked, starts, ends) = days;
    Booking { tenant, site, gpus, booked, starts, ends, fate }
}

/// All bookings; the ones on the same pool leave each other room.
pub const BOOKINGS: &[Booking] = &[
    // What is over.
    booking(0, "Nebius 8k Finland", 2_048, (-170, -160, -70), Fate::Runs),
    booking(1, "Sesterce Synapse", 512, (-168, -150, -30), Fate::Runs),
    booking(2, "EuroHPC Leonardo", 1_024, (-165, -150, -120), Fate::Runs),
    booking(3, "Together AI H100 Cluster", 256, (-160, -140, -20), Fate::Runs),
    booking(4, "Nebius Kansas City", 800, (-158, -150, -60), Fate::EndedEarly(-95)),
    booking(0, "CoreWeave H200s", 8_192, (-150, -120, 90), Fate::EndedEarly(-25)),
    booking(1, "Oracle OCI MI300x", 1_024, (-140, -100, 60), Fate::Cancelled(-115)),
    booking(2, "Yotta Shakti Cloud NM1", 512, (-130, -60, 30), Fate::Cancelled(-90)),
    booking(3, "Microsoft Azure Eagle", 6_400, (-120, -100, -10), Fate::Rejected(-118)),
    booking(4, "Hyperstack AQ Compute Hønefoss", 4_096, (-110, -100, 80), Fate::Recalled(-40)),
    // What runs.
    booking(0, "Oracle OCI Supercluster H200s", 16_384, (-100, -60, 120), Fate::Runs),
    booking(0, "Meta 100k", 40_000, (-95, -45, 320), Fate::Runs),
    booking(1, "Nebius 8k Finland", 1_024, (-90, -50, 130), Fate::Runs),
    booking(1, "AIST ABCI 3.0", 768, (-85, -80, 100), Fate::Runs),
    booking(2, "JUPITER Jülich", 4_000, (-80, -60, 60), Fate::Approved(-78)),
    booking(2, "Alps Supercomputer", 1_600, (-75, -40, 50), Fate::Runs),
    booking(3, "Tesla Cortex", 12_000, (-70, -50, 130), Fate::Runs),
    booking(3, "Mare Nostrum 5", 640, (-66, -30, 20), Fate::Runs),
    booking(4, "Oracle OCI Supercluster H100s", 8_000, (-60, -45, 45), Fate::Runs),
    booking(4, "University of Bristol Isambard-AI", 512, (-55, -50, 10), Fate::Runs),
    booking(2, "Microsoft Goodyear Arizona", 50_000, (-52, -30, 150), Fate::Noticed(-6)),
    booking(0, "NVIDIA Eos", 2_304, (-48, -40, 50), Fate::Curing(-3)),
    booking(1, "Oracle OCI Supercluster A100s", 9_600, (-44, -20, 160), Fate::Appealed(-7)),
    booking(3, "Nebius ISEG2 Iceland", 1_280, (-40, -14, 76), Fate::Proposed(-2)),
    booking(4, "CoreWeave H200s", 4_096, (-35, -7, 83), Fate::Runs),
    // What is to come.
    booking(0, "CoreWeave H200s", 16_000, (-30, 20, 200), Fate::Runs),
    booking(1, "Sesterce Synapse", 1_024, (-24, 15, 105), Fate::Runs),
    booking(2, "Nebius 8k Finland", 3_200, (-20, 30, 90), Fate::Runs),
    booking(3, "Together AI H100 Cluster", 1_024, (-12, 10, 40), Fate::Runs),
    booking(4, "Microsoft Azure Eagle", 3_200, (-9, 25, 115), Fate::Approved(-8)),
    booking(0, "Meta 100k", 20_000, (-8, 60, 420), Fate::Runs),
    booking(1, "Yotta Shakti Cloud NM1", 256, (-5, 3, 33), Fate::Runs),
    booking(2, "Oracle OCI MI300x", 2_048, (-4, 14, 74), Fate::Runs),
    // On the first steps of the site that is being delivered, until it can be had whole.
    booking(2, "Colossus 1", 40_000, (-3, 14, 58), Fate::Runs),
    booking(4, "Colossus 1", 12_000, (-2, 20, 55), Fate::Runs),
    booking(3, "Colossus 1", 24_000, (-1, 30, 58), Fate::Runs),
    // What waits for its provider.
    booking(3, "JUPITER Jülich", 2_400, (-1, 21, 81), Fate::Runs),
];

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::super::figures::{Status, clusters};
    use super::*;

    #[test]
    fn the_story_fits_on_its_sites() {
        let clusters: BTreeMap<_, _> = clusters()
            .expect("the shipped file")
            .into_iter()
            .map(|cluster| (cluster.site.clone(), cluster))
            .collect();
        for booking in BOOKINGS {
            let cluster = clusters.get(booking.site).expect(booking.site);
            assert_eq!(cluster.status, Status::Existing, "{booking:?}");
            assert_eq!(booking.gpus % cluster.gpus_per_unit, 0, "{booking:?}");
            assert!(
                booking.booked <= booking.starts && booking.starts < booking.ends,
                "{booking:?}"
            );
            // At every start, all that overlaps it fits together, whatever its fate.
            let together: u32 = BOOKINGS
                .iter()
                .filter(|other| other.site == booking.site)
                .filter(|other| (other.starts..other.ends).contains(&booking.starts))
                .map(|other| other.gpus)
                .sum();
            assert!(together <= cluster.units() * cluster.gpus_per_unit, "{booking:?}: {together}");
        }
    }

    #[test]
    fn every_fate_is_told() {
        let told = |is: fn(Fate) -> bool| BOOKINGS.iter().any(|booking| is(booking.fate));
        assert!(told(|fate| fate == Fate::Runs));
        assert!(told(|fate| matches!(fate, Fate::Approved(_))));
        assert!(told(|fate| matches!(fate, Fate::Rejected(_))));
        assert!(told(|fate| matches!(fate, Fate::Cancelled(_))));
        assert!(told(|fate| matches!(fate, Fate::EndedEarly(_))));
        assert!(told(|fate| matches!(fate, Fate::Recalled(_))));
        assert!(told(|fate| matches!(fate, Fate::Noticed(_))));
        assert!(told(|fate| matches!(fate, Fate::Appealed(_))));
        assert!(told(|fate| matches!(fate, Fate::Curing(_))));
        assert!(told(|fate| matches!(fate, Fate::Proposed(_))));
    }
}
