//! The only way by which a lease, or a quote that holds capacity, is changed: with its planes and its quota
//! books, every step in one order.
//!
//! ```text
//! begin ─▶ organizations, quota books, planes, leases locked     (always in this order)
//!       ─▶ decide · extend · give_back · end · sign · charge      (in memory; the plane as it goes)
//!       ─▶ record    the lease's row, schedule and charges by compare-and-set, its amendment, the log
//!       ─▶ finish    what is not delivered is drawn where somebody has left; the planes are written
//! ```
//!
//! Dropped before [`Change::finish`], it leaves nothing behind on the planes in memory; what was recorded
//! goes with the act's transaction. So a change can be tried: begun, made, looked at, and dropped.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;
use uuid::Uuid;

use super::error::Error;
use super::rules::{
    self, AmendmentKind, Cancellation, ChargeKind, End, Given, Lease, Schedule, Status, Tranche,
    decide, leaving,
};
use super::store::amendments::{self, Amendment};
use super::store::holdings::read_holdings;
use super::store::{changes, leases};
use super::views::LeaseView;
use crate::accounts;
use crate::app::{Act, App};
use crate::capacity::{self, Booking, Edit, Freed, Owner, Purpose, Units};
use crate::db::log::Entry;
use crate::kernel::event::Event;
use crate::kernel::{AmendmentId, LeaseId, OrganizationId, Period, PoolId, Timestamp, TrancheId};
use crate::quotas::{self, Asked, Guard};
use crate::supply;

/// What a change is about, so that all of it can be locked before anything is looked at.
#[derive(Debug, Default)]
pub struct Scope {
    /// Leases that change.
    pub leases: Vec<LeaseId>,
    /// Pools that are needed besides those of the leases.
    pub pools: Vec<PoolId>,
    /// Leases and quotes by which a tenant will hold more: its quotas can be asked.
    pub growing: Vec<(OrganizationId, Uuid)>,
    /// Quotes by which a tenant will hold less.
    pub shrinking: Vec<(OrganizationId, Uuid)>,
}

impl Scope {
    /// One lease.
    pub fn lease(id: LeaseId) -> Scope {
        Scope { leases: vec![id], ..Scope::default() }
    }
}

/// A change under way, with everything that it is about locked.
pub struct Change<'a> {
    app: &'a App,
    pub act: &'a mut Act,
    edit: Edit,
    /// Of those who will hold more.
    guard: Option<Guard>,
    leases: BTreeMap<LeaseId, Draft>,
    /// Where something was freed.
    vacated: BTreeSet<PoolId>,
}

/// A lease as it is in the database, and as it will be.
struct Draft {
    written: Lease,
    lease: Lease,
}

/// What was given back.
#[derive(Debug, Default)]
pub struct GivenBack {
    /// Of which tranches, for how long.
    pub given: Vec<Given>,
    /// Which units, each with a tranche of the line that had them.
    pub freed: Vec<(Tranche, Freed)>,
    /// Units of the line from then on as they were before, in disjoint runs.
    pub held: Vec<Units>,
}

/// What is written down of a change of a lease.
pub struct Record<'r> {
    /// `None` where no amendment is made of it: the lease was only answered, or time passed.
    pub amendment: Option<AmendmentKind>,
    /// What was asked for, and what it cost; for the amendment.
    pub terms: Value,
    /// What the log calls it.
    pub action: Event,
    /// Why; empty where nobody else is affected.
    pub reason: &'r str,
}

impl<'a> Change<'a> {
    /// Locks all that `scope` is about, in the one order, and reads the leases under their locks.
    ///
    /// # Errors
    /// [`Error::UnknownLease`]; [`Error::MovedOn`] if a lease came to lie on another pool in this moment;
    /// those of the database.
    pub async fn begin(app: &'a App, act: &'a mut Act, scope: Scope) -> Result<Change<'a>, Error> {
        let ids: Vec<Uuid> = scope.leases.iter().map(|id| id.0).collect();
        let seen = if ids.is_empty() { Vec::new() } else { leases::all_of(act, &ids).await? };
        if let Some(&unknown) = scope.leases.iter().find(|id| seen.iter().all(|it| it.id != **id)) {
            return Err(Error::UnknownLease(unknown));
        }
        let mut noted: Vec<(OrganizationId, Uuid)> =
            seen.iter().map(|lease| (lease.tenant_id, lease.id.0)).collect();
        noted.extend(scope.shrinking.iter().copied());
        let guard = note(app, act, &scope.growing, noted).await?;
        let mut pools = scope.pools;
        pools.extend(seen.iter().flat_map(Lease::pools));
        let edit = capacity::edit(app, act, &pools).await?;
        let locked =
            if ids.is_empty() { Vec::new() } else { leases::all_locked(act, &ids).await? };
        let mut drafts = BTreeMap::new();
        for lease in locked {
            if !lease.pools().iter().all(|pool| pools.contains(pool)) {
                return Err(Error::MovedOn(lease.id));
            }
            drafts.insert(lease.id, Draft { written: lease.clone(), lease });
        }
        Ok(Change { app, act, edit, guard, leases: drafts, vacated: BTreeSet::new() })
    }

    /// A lease of the scope as this change has left it.
    ///
    /// # Errors
    /// [`Error::UnknownLease`] if it is not in the scope.
    pub fn lease(&self, id: LeaseId) -> Result<&Lease, Error> {
        self.leases.get(&id).map(|draft| &draft.lease).ok_or(Error::UnknownLease(id))
    }

    fn draft(&mut self, id: LeaseId) -> Result<&mut Lease, Error> {
        self.leases.get_mut(&id).map(|draft| &mut draft.lease).ok_or(Error::UnknownLease(id))
    }

    /// Takes a lease to the status that `command` leads to.
    ///
    /// # Errors
    /// [`Error::State`] with the refusal that applies.
    pub fn decide(&mut self, id: LeaseId, command: rules::Command) -> Result<Status, Error> {
        let now = self.act.now;
        let lease = self.draft(id)?;
        let decided = decide(lease.status, command, lease.facts(), now);
        lease.status = decided.map_err(|refusal| Error::State { id, refusal })?;
        Ok(lease.status)
    }

    /// Whether `command` is possible at present, whatever it leads to.
    ///
    /// # Errors
    /// [`Error::State`] with the refusal that applies.
    pub fn check(&self, id: LeaseId, command: rules::Command) -> Result<(), Error> {
        let lease = self.lease(id)?;
        let decided = decide(lease.status, command, lease.facts(), self.act.now);
        decided.map(drop).map_err(|refusal| Error::State { id, refusal })
    }

    /// Refuses what exceeds a quota of `tenant`, which must be one of those who will hold more.
    ///
    /// # Errors
    /// [`Error::Quota`] with every quota that leaves no room.
    pub fn check_quotas(&self, tenant: OrganizationId, asked: &Asked) -> Result<(), Error> {
        match &self.guard {
            Some(guard) => Ok(guard.check(tenant, asked, self.act.now)?),
            None => Ok(()),
        }
    }

    /// Lets the tranches that end last go on until `ends_at`, on the same units where possible, else on
    /// others of the part of the pool that `within` names.
    ///
    /// # Errors
    /// [`Error::Capacity`]; [`Error::OtherUnits`] unless these are accepted.
    pub async fn extend(
        &mut self,
        id: LeaseId,
        ends_at: Timestamp,
        within: impl Fn(&Tranche) -> Units,
        accept_other_units: bool,
    ) -> Result<(), Error> {
        let now = self.act.now;
        let before = self.lease(id)?.clone();
        for tranche in before.tranches.iter().filter(|tranche| tranche.ends_at == before.ends_at) {
            let mut plane = self.edit.on(tranche.pool_id)?;
            let held = plane.held(self.act, tranche.line.0).await?;
            let owner = owner(&before, tranche.line);
            let booked = plane.extend(owner, &held, ends_at, within(tranche), now)?;
            if !booked.keeps_units && !accept_other_units {
                let units = booked.units.iter().map(|units| (units.from, units.until)).collect();
                return Err(Error::OtherUnits { from: before.ends_at, units });
            }
        }
        let lease = self.draft(id)?;
        lease.tranches.extend(ends_at);
        lease.ends_at = ends_at;
        Ok(())
    }

    /// Frees units of a line for `period`, as many as it has then and at most `units`.
    ///
    /// # Errors
    /// Those of the database.
    pub async fn give_back(
        &mut self,
        id: LeaseId,
        line: TrancheId,
        units: u32,
        period: Period,
    ) -> Result<GivenBack, Error> {
        let now = self.act.now;
        let lease = self.draft(id)?;
        let given = lease.tranches.give_back(line, units, period, || TrancheId::new(now));
        if let Some(left) = lease.tranches.period() {
            (lease.starts_at, lease.ends_at) = (left.starts_at, left.ends_at);
        }
        let owner = owner(lease, line);
        let Some(tranche) = given.first().map(|first| first.tranche.clone()) else {
            return Ok(GivenBack::default());
        };
        let pool = tranche.pool_id;
        let mut plane = self.edit.on(pool)?;
        let before = plane.held(self.act, line.0).await?;
        let freed = plane.release(owner, &before, units, period, now)?;
        self.vacated.insert(pool);
        let held = before.units_from(period.starts_at);
        let freed = freed.into_iter().map(|freed| (tranche.clone(), freed)).collect();
        Ok(GivenBack { given, freed, held })
    }

    /// Ends a lease at `at`: all that it has from then on is freed. What never began keeps its schedule for
    /// the record, and nothing is owed for it.
    ///
    /// # Errors
    /// Those of the database.
    pub async fn end(&mut self, id: LeaseId, at: Timestamp, end: End) -> Result<GivenBack, Error> {
        let before = self.lease(id)?.clone();
        let mut back = GivenBack::default();
        for first in before.tranches.lines() {
            let rects =
                self.edit.on(first.pool_id)?.vacate(self.act, first.line.0, Some(at)).await?;
            self.vacated.insert(first.pool_id);
            back.freed.extend(rects.iter().filter_map(|rect| {
                let starts_at = capacity::timestamp(rect.window.from)?;
                let ends_at = capacity::timestamp(rect.window.until)?;
                let period = Period { starts_at, ends_at };
                Some((first.clone(), Freed { units: rect.units, period }))
            }));
        }
        let mut left = before.tranches.clone();
        back.given = left.cut(at);
        let lease = self.draft(id)?;
        match left.period() {
            Some(period) => {
                lease.ends_at = period.ends_at;
                lease.tranches = left;
            }
            None => lease.tranches = before.tranches.never_begun(),
        }
        lease.end = Some(end);
        Ok(back)
    }

    /// What leaving costs at present, where `given` is given back of a lease as it is written.
    ///
    /// # Errors
    /// [`Error::UnknownLease`] if it is not in the scope.
    pub fn cost(&self, id: LeaseId, given: &[Given]) -> Result<Cancellation, Error> {
        let draft = self.leases.get(&id).ok_or(Error::UnknownLease(id))?;
        Ok(cost(&draft.written, given, self.act.now))
    }

    /// Adds what leaving costs to the charges of a lease.
    ///
    /// # Errors
    /// [`Error::UnknownLease`] if it is not in the scope.
    pub fn charge(
        &mut self,
        id: LeaseId,
        kind: ChargeKind,
        cost: Cancellation,
    ) -> Result<(), Error> {
        let now = self.act.now;
        self.draft(id)?.charge(kind, cost.charge, now);
        Ok(())
    }

    /// Takes a served reclaim case off a lease.
    ///
    /// # Errors
    /// [`Error::UnknownLease`] if it is not in the scope.
    pub fn lift_notice(&mut self, id: LeaseId) -> Result<(), Error> {
        self.draft(id)?.noticed = false;
        Ok(())
    }

    /// Makes what is held for a request the lease's own.
    ///
    /// # Errors
    /// Those of the database.
    pub async fn sign(&mut self, id: LeaseId) -> Result<(), Error> {
        let now = self.act.now;
        let lease = self.lease(id)?.clone();
        for first in lease.tranches.lines() {
            let owner = owner(&lease, first.line);
            let mut plane = self.edit.on(first.pool_id)?;
            plane.hand_over(self.act, first.line.0, owner, Purpose::Lease, now).await?;
        }
        Ok(())
    }

    /// Places a booking of a quote.
    ///
    /// # Errors
    /// [`Error::Capacity`] with what is lacking.
    pub fn book(&mut self, booking: &Booking) -> Result<capacity::Booked, Error> {
        Ok(self.edit.book(booking, self.act.now)?)
    }

    /// Takes back all that was placed: it fits, and nothing is kept for it.
    pub fn undo(&mut self) {
        self.edit.back_to(0);
    }

    /// Turns what a line of a quote holds into a lease's or request's.
    ///
    /// # Errors
    /// Those of the database.
    pub async fn hand_over(
        &mut self,
        pool: PoolId,
        owner: Owner,
        purpose: Purpose,
    ) -> Result<(), Error> {
        let now = self.act.now;
        let mut plane = self.edit.on(pool)?;
        Ok(plane.hand_over(self.act, owner.id, owner, purpose, now).await?)
    }

    /// Writes a lease that is signed by a quote.
    ///
    /// # Errors
    /// Those of the database.
    pub async fn add(&mut self, lease: &Lease) -> Result<(), Error> {
        Ok(changes::add(self.act, &[lease]).await?)
    }

    /// Frees what a line of a quote holds.
    ///
    /// # Errors
    /// Those of the database.
    pub async fn vacate(&mut self, pool: PoolId, line: TrancheId) -> Result<(), Error> {
        self.edit.on(pool)?.vacate(self.act, line.0, None).await?;
        self.vacated.insert(pool);
        Ok(())
    }

    /// Gives units that this change has freed to a quote that holds them for somebody.
    ///
    /// # Errors
    /// [`Error::Capacity`] if the plane is not locked.
    pub fn hold(&mut self, pool: PoolId, owner: Owner, freed: Freed) -> Result<(), Error> {
        let now = self.act.now;
        self.edit.on(pool)?.give(owner, Purpose::Hold, freed.units, freed.period, now);
        Ok(())
    }

    /// Keeps units that this change has freed for the provider's own use.
    ///
    /// # Errors
    /// Those of the database.
    pub async fn set_aside(
        &mut self,
        pool: PoolId,
        provider: OrganizationId,
        freed: Freed,
    ) -> Result<Vec<crate::kernel::BlockId>, Error> {
        let (units, period) = ([freed.units], freed.period);
        Ok(supply::set_aside(self.act, &mut self.edit, pool, provider, &units, period).await?)
    }

    /// Writes a lease as it is now, under its next revision, with its amendment and its entry in the log.
    ///
    /// # Errors
    /// Those of the database.
    pub async fn record(&mut self, id: LeaseId, what: Record<'_>) -> Result<AmendmentId, Error> {
        let now = self.act.now;
        let draft = self.leases.get_mut(&id).ok_or(Error::UnknownLease(id))?;
        draft.lease.revision = draft.written.revision + 1;
        changes::change(self.act, &draft.written, &draft.lease).await?;
        let amendment_id = AmendmentId::new(now);
        if let Some(kind) = what.amendment {
            let amendment = Amendment {
                id: amendment_id,
                lease_id: id,
                kind,
                revision: draft.lease.revision,
                price: draft.lease.price() - draft.written.price(),
                terms: what.terms,
                created_by: self.act.call.caller.actor.uuid(),
                created_at: now,
            };
            amendments::add_amendment(self.act, &amendment).await?;
        }
        self.act.log(entry(what.action, &draft.written, &draft.lease).reason(what.reason));
        draft.written = draft.lease.clone();
        Ok(amendment_id)
    }

    /// Draws what is not delivered where somebody has left, and writes the planes.
    ///
    /// # Errors
    /// Those of the database.
    pub async fn finish(mut self) -> Result<(), Error> {
        for pool in std::mem::take(&mut self.vacated) {
            supply::cover_undelivered(self.act, &mut self.edit, pool).await?;
        }
        self.edit.write(self.act).await?;
        Ok(())
    }

    /// What `app` shows of a lease of the scope to its tenant.
    ///
    /// # Errors
    /// [`Error::UnknownLease`] if it is not in the scope.
    pub fn view(&self, id: LeaseId) -> Result<LeaseView, Error> {
        Ok(LeaseView::new(self.lease(id)?, self.app, self.act.now))
    }
}

/// What giving `given` back of `lease` costs at `now`: nothing where it is free to leave, else what its
/// cancellation schedule says.
pub fn cost(lease: &Lease, given: &[Given], now: Timestamp) -> Cancellation {
    let cost = leaving(&lease.tranches, given, &lease.cancellation, now);
    if lease.is_free_to_leave() { cost.at_most(crate::kernel::Money::ZERO) } else { cost }
}

/// All that `schedule` has from `at` on.
pub fn rest(schedule: &Schedule, at: Timestamp) -> Vec<Given> {
    schedule.clone().cut(at)
}

/// Whose the rectangles of a line of `lease` are.
fn owner(lease: &Lease, line: TrancheId) -> Owner {
    Owner { id: line.0, subject: lease.id.0, organization: Some(lease.tenant_id) }
}

/// Locks the books of those who will hold more; of the others, notes that what they hold changes.
async fn note(
    app: &App,
    act: &mut Act,
    growing: &[(OrganizationId, Uuid)],
    mut noted: Vec<(OrganizationId, Uuid)>,
) -> Result<Option<Guard>, Error> {
    if growing.is_empty() {
        noted.sort_unstable();
        noted.dedup();
        for (tenant, subject) in noted {
            quotas::note_change(act, tenant, subject).await?;
        }
        return Ok(None);
    }
    noted.extend_from_slice(growing);
    noted.sort_unstable();
    noted.dedup();
    let mut tenants: Vec<OrganizationId> = noted.iter().map(|(tenant, _)| *tenant).collect();
    tenants.dedup();
    accounts::parties_to_book(act, &tenants).await?;
    let noted: Vec<_> =
        noted.into_iter().map(|(tenant, subject)| (tenant, Some(subject))).collect();
    Ok(Some(quotas::guard(app, act, read_holdings, &noted).await?))
}

/// The log entry of a change of a lease.
pub fn entry(action: Event, before: &Lease, after: &Lease) -> Entry {
    Entry::new(action, after.id)
        .tenant(after.tenant_id)
        .provider(after.provider_id)
        .before(LeaseView::record(before))
        .after(LeaseView::record(after))
}

/// Changes what is said of a lease besides its schedule: that it is under notice, suspended or delayed.
/// Nothing of it is on a plane or counts against a quota.
///
/// # Errors
/// [`Error::UnknownLease`]; those of the database.
pub async fn mark(
    act: &mut Act,
    id: LeaseId,
    change: impl FnOnce(&mut Lease),
) -> Result<Lease, Error> {
    let before = leases::locked(act, id).await?.ok_or(Error::UnknownLease(id))?;
    let mut after = before.clone();
    change(&mut after);
    after.revision += 1;
    changes::change(act, &before, &after).await?;
    Ok(after)
}

/// Marks a lease as under a served reclaim case, or not.
///
/// # Errors
/// [`Error::UnknownLease`]; those of the database.
pub async fn set_noticed(act: &mut Act, id: LeaseId, noticed: bool) -> Result<(), Error> {
    mark(act, id, |lease| lease.noticed = noticed).await.map(drop)
}

/// Keeps a lease from being used until then; `None`: it can be used.
///
/// # Errors
/// [`Error::UnknownLease`]; those of the database.
pub async fn set_suspended(
    act: &mut Act,
    id: LeaseId,
    until: Option<Timestamp>,
) -> Result<(), Error> {
    mark(act, id, |lease| lease.suspended_until = until).await.map(drop)
}

/// Says when the served reclaim case takes units of a lease; `None`: it takes none. The lease is as it was,
/// and keeps its revision, but it does not end by itself before that case has been carried out.
///
/// # Errors
/// A lease that is not under notice violates `leases_taken`; otherwise those of the database.
pub async fn set_taken_at(act: &mut Act, id: LeaseId, at: Option<Timestamp>) -> Result<(), Error> {
    Ok(changes::set_taken_at(act, id, at).await?)
}
