//! An offer's states and conditions, and what cancelling under it costs.

use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};

use crate::accounts::Verification;
use crate::kernel::{Name, OrganizationId, Period, Rate, Span, TermsId, Timestamp, words};
use crate::supply::pools::Pool;
use crate::supply::shared::{Invalid, Quantity, UnitRange};
use crate::supply::sites::Stage;
use crate::supply::terms::TermsHash;

words! {
    /// Where an offer stands.
    pub enum OfferState {
        /// Being written; only its provider sees it.
        Draft = "draft",
        /// On the market.
        Published = "published",
        /// Off the market for a while; leases go on.
        Paused = "paused",
        /// Off the market for good; leases go on.
        Archived = "archived",
    }

    /// How a booking becomes a lease.
    pub enum BookingMode {
        /// At once.
        Instant = "instant",
        /// When the provider approves it.
        Approval = "approval",
    }
}

/// One step of a cancellation schedule: what is owed when cancelled at least so long before the start.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct CancellationStep {
    /// Cancelled so long before the start, or earlier.
    pub at_least_before: Span,
    /// Share of the price that is owed then, 0 to 1.
    #[schema(value_type = String, example = "0.5")]
    pub charge_share: Decimal,
}

/// Share of the price that is owed when cancelling `before_start` ahead of the start.
///
/// `schedule` is in order, the longest time first; the first step that is met counts. Later than the
/// last step, everything is owed: 1.
pub fn charge_share(schedule: &[CancellationStep], before_start: Span) -> Decimal {
    schedule
        .iter()
        .find(|step| before_start >= step.at_least_before)
        .map_or(Decimal::ONE, |step| step.charge_share)
}

/// The schedule of an offer that names none: free up to a week before the start, half up to a day.
pub fn usual_cancellation() -> Vec<CancellationStep> {
    [(Span::days(7), Decimal::ZERO), (Span::days(1), Decimal::new(5, 1))]
        .map(|(at_least_before, charge_share)| CancellationStep { at_least_before, charge_share })
        .to_vec()
}

/// Refuses a schedule that is out of order, or that charges less the later one cancels.
///
/// # Errors
/// The first [`Invalid`] field.
pub fn check_cancellation(schedule: &[CancellationStep]) -> Result<(), Invalid> {
    if schedule.len() > 10 {
        return Err(Invalid::new("cancellation", "a schedule has at most 10 steps"));
    }
    for (index, step) in schedule.iter().enumerate() {
        let field = |name| format!("cancellation[{index}].{name}");
        let share = Quantity(step.charge_share);
        share.check(&field("charge_share"), Decimal::ZERO, 1)?;
        let Some(before) = index.checked_sub(1).map(|before| schedule[before]) else { continue };
        if step.at_least_before >= before.at_least_before {
            let detail = "steps are in order, the longest time before the start first";
            return Err(Invalid::new(field("at_least_before"), detail));
        }
        if step.charge_share < before.charge_share {
            let detail = "cancelling later never costs less";
            return Err(Invalid::new(field("charge_share"), detail));
        }
    }
    Ok(())
}

words! {
    /// What is done to an offer.
    pub enum Command {
        Change = "change",
        Publish = "publish",
        Pause = "pause",
        Archive = "archive",
    }
}

/// What publishing depends on besides the offer.
#[derive(Debug, Clone, Copy)]
pub struct Standing {
    pub provider: Verification,
    pub site: Stage,
}

/// Why an offer stays as it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum StateRefusal {
    #[error("the offer is archived, which is final; make a new one")]
    Archived,
    #[error("the offer is published already")]
    Published,
    #[error("the offer is {0}; only a published one can be paused")]
    NotPublished(OfferState),
    #[error(
        "the provider is not verified at present, and only verified providers publish; staff of the \
         marketplace verifies"
    )]
    ProviderNotVerified,
    #[error(
        "the site is {}, and only capacity of a commissioning or operational site is offered; change \
         its stage first", .0
    )]
    SiteNotOpen(Stage),
}

/// The state after `command`.
///
/// # Errors
/// Why it is not possible.
pub fn decide(
    state: OfferState,
    command: Command,
    standing: Standing,
) -> Result<OfferState, StateRefusal> {
    match (state, command) {
        (OfferState::Archived, _) => Err(StateRefusal::Archived),
        (state, Command::Change) => Ok(state),
        (_, Command::Archive) => Ok(OfferState::Archived),
        (OfferState::Published, Command::Pause) => Ok(OfferState::Paused),
        (state, Command::Pause) => Err(StateRefusal::NotPublished(state)),
        (OfferState::Published, Command::Publish) => Err(StateRefusal::Published),
        (OfferState::Draft | OfferState::Paused, Command::Publish) => {
            if standing.provider != Verification::Verified {
                return Err(StateRefusal::ProviderNotVerified);
            }
            if !standing.site.is_open() {
                return Err(StateRefusal::SiteNotOpen(standing.site));
            }
            Ok(OfferState::Published)
        }
    }
}

/// The conditions of an offer, all of them settled.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Conditions {
    pub name: Name,
    #[serde(flatten)]
    pub units: UnitRange,
    pub available: Period,
    pub rate_per_gpu_hour: Rate,
    pub min_gpus: u32,
    pub max_gpus: u32,
    pub min_duration: Span,
    pub max_duration: Span,
    pub lead_time: Span,
    pub audience: Option<Vec<OrganizationId>>,
    pub booking_mode: BookingMode,
    pub cancellation: Vec<CancellationStep>,
    pub terms_id: TermsId,
    pub terms_hash: TermsHash,
}

impl Conditions {
    /// Those of an offer of a whole pool that says nothing in particular: from one unit to all of them,
    /// an hour to a year, at once, to everybody.
    pub fn usual(
        name: Name,
        pool: &Pool,
        rate_per_gpu_hour: Rate,
        terms: (TermsId, TermsHash),
        now: Timestamp,
    ) -> Conditions {
        Conditions {
            name,
            units: UnitRange { first_unit: 0, end_unit: pool.facts.units },
            available: Period { starts_at: now, ends_at: END_OF_CALENDAR },
            rate_per_gpu_hour,
            min_gpus: pool.facts.gpus_per_unit,
            max_gpus: pool.gpus(),
            min_duration: Span::hours(1),
            max_duration: Span::days(365),
            lead_time: Span::ZERO,
            audience: None,
            booking_mode: BookingMode::Instant,
            cancellation: usual_cancellation(),
            terms_id: terms.0,
            terms_hash: terms.1,
        }
    }

    /// Refuses what no offer of `pool` can be.
    ///
    /// # Errors
    /// The first [`Invalid`] field.
    pub fn check(&self, pool: &Pool) -> Result<(), Invalid> {
        self.units.check_inside(pool.facts.units)?;
        let per_unit = pool.facts.gpus_per_unit;
        let most = self.units.count().saturating_mul(per_unit);
        check_size("min_gpus", self.min_gpus, per_unit, most)?;
        check_size("max_gpus", self.max_gpus, per_unit, most)?;
        if self.max_gpus < self.min_gpus {
            let detail = format!("{} is less than min_gpus, {}", self.max_gpus, self.min_gpus);
            return Err(Invalid::new("max_gpus", detail));
        }
        if self.min_duration == Span::ZERO {
            return Err(Invalid::new("min_duration", "a lease lasts at least a second: PT1S"));
        }
        if self.max_duration < self.min_duration {
            let detail =
                format!("{} is less than min_duration, {}", self.max_duration, self.min_duration);
            return Err(Invalid::new("max_duration", detail));
        }
        let Period { starts_at, ends_at } = self.available;
        Period::new(starts_at, ends_at)
            .map_err(|error| Invalid::new("available_until", error.to_string()))?;
        if self.audience.as_ref().is_some_and(|audience| audience.len() > 100) {
            return Err(Invalid::new("audience", "an audience has at most 100 organizations"));
        }
        check_cancellation(&self.cancellation)
    }
}

/// The last instant until which an offer is available.
pub const END_OF_CALENDAR: Timestamp = match Timestamp::from_timestamp(7_258_118_399, 0) {
    Some(end) => end,
    None => Timestamp::MAX_UTC,
};

fn check_size(field: &str, gpus: u32, per_unit: u32, most: u32) -> Result<(), Invalid> {
    if gpus > 0 && gpus <= most && gpus.is_multiple_of(per_unit) {
        return Ok(());
    }
    let detail = format!(
        "{gpus} is not a number of whole units from {per_unit} to {most} GPUs; a unit has {per_unit} GPUs"
    );
    Err(Invalid::new(field, detail))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn every_command_in_every_state() {
        let states =
            [OfferState::Draft, OfferState::Published, OfferState::Paused, OfferState::Archived];
        let good = Standing { provider: Verification::Verified, site: Stage::Operational };
        let mut table = String::new();
        for state in states {
            for command in Command::ALL {
                let after = decide(state, command, good)
                    .map_or_else(|_| "refused".to_owned(), |after| after.to_string());
                table += &format!("{state} + {command:?} = {after}\n");
            }
        }
        insta::assert_snapshot!(table, @r"
        draft + Change = draft
        draft + Publish = published
        draft + Pause = refused
        draft + Archive = archived
        published + Change = published
        published + Publish = refused
        published + Pause = paused
        published + Archive = archived
        paused + Change = paused
        paused + Publish = published
        paused + Pause = refused
        paused + Archive = archived
        archived + Change = refused
        archived + Publish = refused
        archived + Pause = refused
        archived + Archive = refused
        ");
    }

    #[test]
    fn publishing_takes_a_verified_provider_and_an_open_site() {
        let publish = |provider, site| {
            decide(OfferState::Draft, Command::Publish, Standing { provider, site })
        };
        let verified = Verification::Verified;
        for stage in [Stage::Commissioning, Stage::Operational] {
            assert_eq!(publish(verified, stage), Ok(OfferState::Published));
        }
        for stage in [Stage::Planned, Stage::Retired] {
            assert_eq!(publish(verified, stage), Err(StateRefusal::SiteNotOpen(stage)));
        }
        for provider in [Verification::Unverified, Verification::Suspended] {
            let refused = Err(StateRefusal::ProviderNotVerified);
            assert_eq!(publish(provider, Stage::Operational), refused);
        }
    }

    #[test]
    fn the_first_step_that_is_met_counts() {
        let schedule = usual_cancellation();
        for (before, share) in [
            (Span::days(30), Decimal::ZERO),
            (Span::days(7), Decimal::ZERO),
            (Span::days(6), Decimal::new(5, 1)),
            (Span::days(1), Decimal::new(5, 1)),
            (Span::hours(23), Decimal::ONE),
            (Span::ZERO, Decimal::ONE),
        ] {
            assert_eq!(charge_share(&schedule, before), share, "{before}");
        }
        assert_eq!(charge_share(&[], Span::days(300)), Decimal::ONE);
    }

    proptest! {
        #[test]
        fn a_good_schedule_never_charges_less_the_later_one_cancels(
            steps in proptest::collection::vec((0u16..400, 0i64..=100), 0..6),
            first in 0u16..500, second in 0u16..500,
        ) {
            let schedule: Vec<_> = steps
                .into_iter()
                .map(|(days, percent)| CancellationStep {
                    at_least_before: Span::days(days),
                    charge_share: Decimal::new(percent, 2),
                })
                .collect();
            if check_cancellation(&schedule).is_ok() {
                let (later, earlier) = (first.min(second), first.max(second));
                let share = |days| charge_share(&schedule, Span::days(days));
                prop_assert!(share(later) >= share(earlier));
                prop_assert!(share(later) <= Decimal::ONE);
            }
        }
    }
}
