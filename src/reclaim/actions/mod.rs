//! What can be done with cases: one function, one transaction.

mod answer;
mod due;
mod evidence;
mod open;
mod path;

pub use answer::*;
pub use due::*;
pub use evidence::*;
pub use open::*;
pub use path::*;

use serde_json::json;
use sqlx::PgConnection;

use super::error::Error;
use super::rules::{
    Approval, Case, CaseRefusal, Command, Late, LineKind, Mark, Measure, Person, Portion, Rule,
    Settlement, State, approver_role, settle, suspended,
};
use super::store::{self, CaseOutcome, CaseRecord, Settled};
use super::views::CaseView;
use crate::accounts;
use crate::api::{Call, Reply};
use crate::app::{Act, App};
use crate::db::log::Entry;
use crate::kernel::event::Event;
use crate::kernel::{MessageId, OrganizationId, Period, Reason, ReclaimCaseId, Timestamp};
use crate::leases::{self, Lease, Reservation, Status, TakeBack, Taking};
use crate::notifications::{self, Message};
use crate::supply::Party;

/// The case `id` as `caller` sees it, with its timeline.
pub async fn show(app: &App, call: &Call, id: ReclaimCaseId) -> Result<CaseView, Error> {
    let mut connection = app.db.acquire().await?;
    let kept = store::case(&mut connection, id, call.caller.scope()).await?;
    let mut kept = kept.ok_or(Error::UnknownCase(id))?;
    fill_in(&mut connection, &mut kept.case).await?;
    let mut view = CaseView::of(app, &mut connection, kept, &call.caller, app.now()).await?;
    view.timeline = Some(crate::audit::history(&mut connection, id, &call.caller).await?);
    Ok(view)
}

/// A case about to change, locked, with its lease.
struct Step {
    act: Act,
    case: Case,
    message: Option<MessageId>,
    outcome: Option<CaseOutcome>,
    lease: Lease,
}

async fn begin(app: &App, call: &Call, id: ReclaimCaseId) -> Result<Step, Error> {
    let mut act = app.begin(call).await?;
    let kept = store::locked(&mut act, id, call.caller.scope()).await?;
    let kept = kept.ok_or(Error::UnknownCase(id))?;
    call.check_revision(kept.case.revision)?;
    Step::of(act, kept).await
}

impl Step {
    async fn of(mut act: Act, kept: CaseRecord) -> Result<Step, Error> {
        let mut case = kept.case;
        fill_in(&mut act, &mut case).await?;
        let lease = leases::find(&mut act, case.lease_id, None).await?;
        let lease = lease.ok_or(Error::UnknownLease(case.lease_id))?;
        Ok(Step { act, case, message: kept.message, outcome: kept.outcome, lease })
    }

    fn by(&self) -> Person {
        Person::of(&self.act.call.caller, self.case.provider_id, self.case.tenant_id)
    }

    fn decide(&self, command: &Command) -> Result<State, CaseRefusal> {
        self.case.decide(command, &self.by(), self.act.now)
    }

    /// The same with the lease locked, as it is now. Only where no plane is locked after it.
    async fn lock_lease(&mut self) -> Result<(), Error> {
        let lease = leases::locked(&mut self.act, self.lease.id).await?;
        self.lease = lease.ok_or(Error::UnknownLease(self.case.lease_id))?;
        Ok(())
    }

    /// Shows on the lease what the case, which showed `before` until now, shows from now on: that it is under
    /// notice, in its own history too, and when something is taken from it.
    async fn mark_lease(&mut self, before: Mark) -> Result<(), Error> {
        let mark = self.case.mark();
        if mark == before {
            return Ok(());
        }
        let noticed = mark != Mark::Unmarked;
        if self.lease.noticed != noticed {
            leases::set_noticed(&mut self.act, self.lease.id, noticed).await?;
            self.lease.noticed = noticed;
            let action = if noticed { Event::LeaseNoticed } else { Event::LeaseNoticeLifted };
            self.log_on_lease(action, json!({ "noticed": noticed, "case_id": self.case.id }));
        }
        if let Mark::Taken(at) = mark {
            leases::set_taken_at(&mut self.act, self.lease.id, Some(at)).await?;
        }
        Ok(())
    }

    /// Suspends the lease, or lifts the suspension, as far as no other one holds.
    async fn suspend_lease(&mut self, until: Option<Timestamp>) -> Result<(), Error> {
        let now = self.act.now;
        let other = store::other_suspension(&mut self.act, self.case.id, self.lease.id).await?;
        let until = until.max(other.filter(|other| *other > now));
        if self.lease.suspended_until == until {
            return Ok(());
        }
        leases::set_suspended(&mut self.act, self.lease.id, until).await?;
        self.lease.suspended_until = until;
        let action =
            if until.is_some() { Event::LeaseSuspended } else { Event::LeaseSuspensionLifted };
        self.log_on_lease(action, json!({ "suspended_until": until, "case_id": self.case.id }));
        Ok(())
    }

    fn log_on_lease(&mut self, action: Event, after: serde_json::Value) {
        let log = Entry::new(action, self.lease.id)
            .tenant(self.lease.tenant_id)
            .provider(self.lease.provider_id)
            .after(after)
            .reason(&self.case.reason);
        self.act.log(log);
    }

    /// What the lease has lost to the case so far: from when on it was suspended, if it was.
    fn suspended_since(&self) -> Option<Timestamp> {
        match (&self.case.state, self.case.measure) {
            (State::Suspended { suspended_at, .. }, _) => Some(*suspended_at),
            (State::Executed { effective_at, .. }, Measure::Suspend { .. }) => Some(*effective_at),
            _ => None,
        }
    }

    /// The time for which the lease was suspended until now, and what it cost as far as no other suspension
    /// of the lease is settled for it. The lease is locked, so that two that overlap are settled one after
    /// the other.
    async fn suspended_so_far(&mut self) -> Result<(Option<Period>, Vec<Portion>), Error> {
        let (Some(starts_at), Measure::Suspend { until }) =
            (self.suspended_since(), self.case.measure)
        else {
            return Ok((None, Vec::new()));
        };
        self.lock_lease().await?;
        let ended_at = self.lease.end.as_ref().map_or(until, |end| end.at);
        let ends_at = until.min(self.act.now).min(ended_at);
        let time = Period { starts_at, ends_at: ends_at.max(starts_at) };
        let counted = store::suspended_time(&mut self.act, self.lease.id).await?;
        let delays = leases::delays_of(&mut self.act, self.lease.id).await?;
        let late: Vec<Late> = delays
            .iter()
            .map(|delay| Late { line: delay.tranche_id, gpus: delay.gpus, period: delay.period() })
            .collect();
        let portions = suspended(&self.lease.tranches, time, &counted, &late);
        Ok((Some(time).filter(|time| time.starts_at < time.ends_at), portions))
    }

    /// Undoes what a case that did not stand has done to the lease, and gives the money for it back. Returns
    /// whether there was any.
    async fn undo(&mut self, app: &App, taken: Vec<Portion>) -> Result<bool, Error> {
        let (time, suspended) = self.suspended_so_far().await?;
        if self.suspended_since().is_some() {
            self.suspend_lease(None).await?;
        }
        let (kind, portions) = if taken.is_empty() {
            (LineKind::SuspendedTime, suspended)
        } else {
            (LineKind::Refund, taken)
        };
        if portions.is_empty() {
            return Ok(false);
        }
        self.settle(app, kind, &portions, Rule::Returned, time).await.map(|_| true)
    }

    async fn settle(
        &mut self,
        app: &App,
        kind: LineKind,
        portions: &[Portion],
        rule: Rule,
        suspended: Option<Period>,
    ) -> Result<Settlement, Error> {
        let clause = &self.case.clause;
        let settlement = settle(clause.ground, &clause.compensation, kind, portions, rule);
        let settled = Settled {
            case: self.case.id,
            lease: self.lease.id,
            rule,
            settlement: settlement.clone(),
            currency: app.config.currency.clone(),
            settled_at: self.act.now,
            suspended,
        };
        store::insert_settlement(&mut self.act, &settled).await?;
        Ok(settlement)
    }

    /// Tells `to` what happened.
    async fn tell(
        &mut self,
        to: OrganizationId,
        kind: Event,
        title: &str,
        body: String,
    ) -> Result<MessageId, Error> {
        let subject = self.case.id.to_string();
        let (title, body) = (format!("{title}: lease {}", self.lease.id), body);
        let message = Message { to: to.into(), kind, subject, title, body };
        Ok(notifications::tell(&mut self.act, message).await?)
    }

    /// Tells the side that the case is against.
    async fn tell_respondent(
        &mut self,
        kind: Event,
        title: &str,
        body: impl Into<String>,
    ) -> Result<MessageId, Error> {
        let to = self.case.respondent_id();
        self.tell(to, kind, title, body.into()).await
    }

    /// Tells the side that opened the case; where staff did, the provider.
    async fn tell_initiator(
        &mut self,
        kind: Event,
        title: &str,
        body: impl Into<String>,
    ) -> Result<(), Error> {
        let to = match self.case.initiated_as {
            Party::Tenant => self.case.tenant_id,
            Party::Provider | Party::Admin => self.case.provider_id,
        };
        self.tell(to, kind, title, body.into()).await.map(|_| ())
    }

    /// Takes the case to `state`, with what it shows on the lease, logs it, and keeps it.
    async fn advance(
        &mut self,
        state: State,
        action: Event,
        mut after: serde_json::Value,
        reason: &str,
    ) -> Result<(), Error> {
        let (before, mark) = (json!({ "state": self.case.state.name() }), self.case.mark());
        self.case.state = state;
        self.case.revision += 1;
        self.mark_lease(mark).await?;
        let outcome = self.outcome.as_ref();
        if !store::set_state(&mut self.act, &self.case, self.message, outcome).await? {
            return Err(Error::Stale(self.case.id));
        }
        if self.case.waits() {
            self.look_again().await?;
        }
        after["state"] = json!(self.case.state.name());
        self.act.log(entry(action, &self.case).before(before).after(after).reason(reason));
        Ok(())
    }

    /// The same as an act of a person, and its reply.
    async fn finish(
        mut self,
        app: &App,
        state: State,
        action: Event,
        after: serde_json::Value,
        reason: &str,
    ) -> Result<Reply, Error> {
        if let Some(user) = self.by().user {
            store::insert_participant(&mut self.act, self.case.id, user).await?;
            self.case.participants.push(user);
        }
        self.advance(state, action, after, reason).await?;
        let is_rehearsal = self.act.call.dry_run;
        let revision = self.case.revision;
        let kept = CaseRecord { case: self.case, message: self.message, outcome: self.outcome };
        let view = view(app, &mut self.act, kept).await?;
        let reply = self.act.finish(Reply::ok(&view).revision(revision)).await?;
        if !is_rehearsal {
            app.nudge();
        }
        Ok(reply)
    }
}

/// Ends a case by `command`. If it was served, what it has done is undone and the other side is told.
async fn end(
    app: &App,
    call: &Call,
    id: ReclaimCaseId,
    command: Command,
    (action, title): (Event, &str),
    reason: &Reason,
) -> Result<Reply, Error> {
    let mut step = begin(app, call, id).await?;
    let state = step.decide(&command)?;
    if step.case.is_served() {
        step.undo(app, Vec::new()).await?;
        step.tell_respondent(action, title, reason.as_str()).await?;
    }
    step.finish(app, state, action, json!({}), reason.as_str()).await
}

async fn view(app: &App, act: &mut Act, kept: CaseRecord) -> Result<CaseView, Error> {
    let (caller, now) = (act.call.caller, act.now);
    CaseView::of(app, act, kept, &caller, now).await
}

/// Reads what a decision needs besides the case itself: who approved and still holds the role in which they
/// did, who has acted at all, and whether the lease was suspended before without ratification.
async fn fill_in(connection: &mut PgConnection, case: &mut Case) -> Result<(), Error> {
    let given = store::approvals(connection, case.id).await?;
    let users: Vec<_> = given.iter().map(|approval| approval.user).collect();
    let standings = accounts::standings(connection, &users, case.provider_id).await?;
    let holds = |approval: &Approval| {
        standings.iter().any(|standing| {
            let role = approver_role(standing.staff, standing.role);
            standing.user == approval.user && role.is_some_and(|role| role.covers(approval.role))
        })
    };
    case.unratified = store::unratified(connection, case.id, case.lease_id).await?;
    case.participants = store::participants(connection, case.id).await?;
    case.participants.extend(users);
    case.approvals = given.into_iter().filter(holds).collect();
    Ok(())
}

/// What `case` takes back at `at`; `None` where it takes no units.
fn taking_back(case: &Case, at: Timestamp) -> Option<TakeBack<'_>> {
    let taking = match case.measure {
        Measure::Warn | Measure::Suspend { .. } => return None,
        Measure::Full => Taking::Whole,
        Measure::Partial { tranche_id, units, until } => {
            Taking::Units { tranche: tranche_id, units, until }
        }
    };
    let reservation = case.reserve.map(|reserve| Reservation {
        organization: reserve.organization_id,
        lasting: reserve.lasting,
    });
    let is_refunded = case.clause.compensation.prorata_refund;
    Some(TakeBack { taking, effective_at: at, is_refunded, reservation, reason: &case.reason })
}

fn check_running(lease: &Lease) -> Result<(), Error> {
    if matches!(lease.status, Status::Scheduled | Status::Active) {
        return Ok(());
    }
    Err(Error::LeaseNotRunning { lease: lease.id, status: lease.status.as_str() })
}

/// An entry on `case`, for those to read who may know of it.
fn entry(action: Event, case: &Case) -> Entry {
    let mut entry = Entry::new(action, case.id);
    if case.is_served() || case.initiated_as != Party::Tenant {
        entry = entry.provider(case.provider_id);
    }
    if case.is_served() || case.initiated_as == Party::Tenant {
        entry = entry.tenant(case.tenant_id);
    }
    entry
}
