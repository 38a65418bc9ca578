//! What time does to cases.

use std::collections::HashMap;

use serde_json::json;

use super::{Step, check_running, taking_back};
use crate::app::{App, Look};
use crate::kernel::event::Event;
use crate::kernel::{MessageId, ReclaimCaseId, Span, Timestamp};
use crate::leases::{self, Taken};
use crate::notifications;
use crate::reclaim::error::Error;
use crate::reclaim::rules::{
    Case, CaseRefusal, Command, LineKind, Measure, Rule, State, check_measure, portions,
};
use crate::reclaim::store::{self, CaseOutcome};

/// So often a case is looked at that is due and waits for approvals.
const LOOK_AGAIN_AFTER: Span = Span::hours(1);

/// The cases that the server has to look at, the longest due first.
///
/// # Errors
/// Returns an error if the database fails.
pub async fn steps_due(app: App, look: Look) -> Result<Vec<ReclaimCaseId>, Error> {
    let mut connection = app.db.acquire().await?;
    Ok(store::due(&mut connection, look.job, look.now, look.limit).await?)
}

/// Does the next thing that is due in the case `id`: lets it fall due, executes or settles it, or ends it
/// because somebody has waited too long. Returns false if nothing is due or another server is at it.
///
/// # Errors
/// Returns what went wrong; then nothing was changed.
pub async fn take_step(app: App, id: ReclaimCaseId) -> Result<bool, Error> {
    let mut act = app.begin_job("reclaim.step_due").await?;
    let now = act.now;
    let Some(kept) = store::locked_if_due(&mut act, id, now).await? else { return Ok(false) };
    let mut step = Step::of(act, kept).await?;
    step.step(&app).await?;
    step.act.commit().await?;
    Ok(true)
}

/// Notices looked up together.
const NOTICES: i64 = 500;

/// The cases whose notice was read in the inbox and who do not know it, the first read first.
///
/// # Errors
/// Returns an error if the database fails.
pub async fn readings_due(app: App, look: Look) -> Result<Vec<ReclaimCaseId>, Error> {
    let mut connection = app.db.acquire().await?;
    let mut read = Vec::new();
    let mut after = Some(uuid::Uuid::nil());
    while let Some(message) = after {
        let unread = store::unread(&mut connection, look.job, message, NOTICES).await?;
        let is_full = unread.len() as i64 >= NOTICES;
        after = unread.last().map(|(_, message)| message.0).filter(|_| is_full);
        let cases: HashMap<MessageId, ReclaimCaseId> =
            unread.into_iter().map(|(case, message)| (message, case)).collect();
        let messages: Vec<MessageId> = cases.keys().copied().collect();
        let readings = notifications::readings(&mut connection, &messages).await?;
        read.extend(
            readings.into_iter().filter_map(|(message, at)| Some((at, *cases.get(&message)?))),
        );
    }
    read.sort_unstable();
    Ok(read.into_iter().map(|(_, case)| case).collect())
}

/// Takes note that the notice of a case was read in the inbox; returns false if that changes nothing.
///
/// # Errors
/// Returns what went wrong; then nothing was changed.
pub async fn note_reading(app: App, case: ReclaimCaseId) -> Result<bool, Error> {
    let mut act = app.begin_job("reclaim.note_readings").await?;
    let Some(kept) = store::locked(&mut act, case, None).await? else { return Ok(false) };
    let Some(message) = kept.message else { return Ok(false) };
    let Some((_, read_at)) = notifications::readings(&mut act, &[message]).await?.pop() else {
        return Ok(false);
    };
    let mut step = Step::of(act, kept).await?;
    let is_noted = step.note_reading_of(read_at).await?;
    step.act.commit().await?;
    Ok(is_noted)
}

impl Step {
    async fn step(&mut self, app: &App) -> Result<(), Error> {
        if self.catch_up_on_reading().await? {
            // What is due by it is done next, in a transaction that has not locked the lease yet.
            return Ok(());
        }
        let now = self.act.now;
        let Some(command) = self.case.next_step(&self.by(), now) else {
            return self.look_again().await;
        };
        match command {
            Command::FallDue | Command::Execute => match self.nothing_to_do() {
                Some(reason) => self.lapse(app, reason).await,
                None if command == Command::FallDue => {
                    let state = self.decide(&command)?;
                    self.advance(state, Event::ReclaimDue, json!({}), "").await
                }
                None => self.execute(app).await,
            },
            Command::Settle => self.settle_executed(app).await,
            Command::Wait => self.wait().await,
            _ => self.expire(app).await,
        }
    }

    /// Notes the reading of a notice that nobody has noted yet: it may bring the deadline forward. Returns
    /// whether there was one.
    async fn catch_up_on_reading(&mut self) -> Result<bool, Error> {
        let is_unread = self.case.state.notice().is_some_and(|notice| notice.read_at.is_none());
        let Some(message) = self.message.filter(|_| is_unread) else { return Ok(false) };
        let readings = notifications::readings(&mut self.act, &[message]).await?;
        match readings.first() {
            Some((_, read_at)) => self.note_reading_of(*read_at).await,
            None => Ok(false),
        }
    }

    async fn note_reading_of(&mut self, read_at: Timestamp) -> Result<bool, Error> {
        let Ok(state) = self.decide(&Command::NoteReading { read_at }) else { return Ok(false) };
        let after = json!({
            "read_at": read_at, "deadline": state.notice().map(|notice| notice.due_at()),
        });
        self.advance(state, Event::ReclaimRead, after, "").await?;
        Ok(true)
    }

    /// The case is due, and somebody who approved it has left or has another role: it waits.
    async fn wait(&mut self) -> Result<(), Error> {
        let state = self.decide(&Command::Wait)?;
        let missing = CaseRefusal::ApprovalsMissing(self.case.missing());
        let detail = format!("{missing}; the case ends unless they are given");
        self.tell_initiator(Event::ReclaimApprovalsMissing, "Approvals are missing", detail)
            .await?;
        let after = json!({ "approvals_missing": self.case.missing() });
        self.advance(state, Event::ReclaimWaits, after, "").await
    }

    /// Nothing tells a case that somebody holds a role again, so one that waits for that is looked at now and
    /// then, until it ends.
    pub(super) async fn look_again(&mut self) -> Result<(), Error> {
        let ends_at = self.case.wakes_at().filter(|_| self.case.waits());
        let ends_at = ends_at.ok_or(Error::NothingDue(self.case.id))?;
        let at = ends_at.min(self.act.now + LOOK_AGAIN_AFTER.delta());
        Ok(store::set_wakes_at(&mut self.act, self.case.id, at).await?)
    }

    /// Why there is nothing left to carry out.
    fn nothing_to_do(&self) -> Option<String> {
        let case = &self.case;
        let at = match self.decide(&Command::Execute) {
            Ok(State::Executed { effective_at, .. }) => effective_at,
            _ => effective_at(case, self.act.now),
        };
        if let Err(error) = check_running(&self.lease) {
            return Some(error.to_string());
        }
        if case.measure.takes_units() {
            // Whoever gave some of it back in the meantime has fewer units that can be taken.
            let is_left = !portions(case.measure, &self.lease.tranches, at).1.is_empty();
            return (!is_left).then(|| "nothing is left of what was to be taken back".to_owned());
        }
        if self.lease.ends_at <= self.act.now {
            return Some("the lease was over before it could be carried out".to_owned());
        }
        let checked = check_measure(case.measure, &case.clause, &self.lease.tranches, at);
        checked.err().map(|refusal| refusal.to_string())
    }

    async fn lapse(&mut self, app: &App, reason: String) -> Result<(), Error> {
        let state = self.decide(&Command::Lapse { reason: reason.clone() })?;
        self.undo(app, Vec::new()).await?;
        self.tell_respondent(Event::ReclaimLapsed, "Case lapsed", &reason).await?;
        self.advance(state, Event::ReclaimLapsed, json!({}), &reason).await
    }

    async fn execute(&mut self, app: &App) -> Result<(), Error> {
        let state = self.decide(&Command::Execute)?;
        let State::Executed { effective_at, .. } = state else {
            return Err(Error::NothingDue(self.case.id));
        };
        let outcome = match taking_back(&self.case, effective_at) {
            Some(what) => {
                let parts = portions(self.case.measure, &self.lease.tranches, effective_at).1;
                let taken = leases::take_back(app, &mut self.act, self.lease.id, what).await?;
                // The lease shows so with what was taken.
                self.lease.noticed = false;
                CaseOutcome { parts, ..CaseOutcome::of_taken(taken) }
            }
            None => {
                if let Measure::Suspend { until } = self.case.measure {
                    self.suspend_lease(Some(until)).await?;
                }
                self.suspension_outcome(effective_at)
            }
        };
        let after = json!({ "outcome": outcome });
        self.outcome = Some(outcome);
        let reason = self.case.reason.clone();
        self.advance(state, Event::ReclaimExecuted, after, &reason).await?;
        self.tell_respondent(Event::ReclaimExecuted, "Executed", &reason).await?;
        if self.decide(&Command::Settle).is_ok() {
            self.settle_executed(app).await?;
        }
        Ok(())
    }

    /// The outcome of a measure that takes no units, so far.
    pub(super) fn suspension_outcome(&self, effective_at: Timestamp) -> CaseOutcome {
        let is_suspension = matches!(self.case.measure, Measure::Suspend { .. });
        let running = self.lease.tranches.iter().filter(|tranche| {
            is_suspension && tranche.starts_at <= effective_at && effective_at < tranche.ends_at
        });
        CaseOutcome {
            effective_at,
            gpus: running.map(|tranche| tranche.gpus).sum(),
            units: Vec::new(),
            unused: crate::kernel::Money::ZERO,
            compensation: crate::kernel::Money::ZERO,
            choice: None,
            reserved: None,
            parts: Vec::new(),
        }
    }

    /// Works the money out, now that nothing is open any more.
    async fn settle_executed(&mut self, app: &App) -> Result<(), Error> {
        let state = self.decide(&Command::Settle)?;
        let mut outcome = self.outcome.take().ok_or(Error::NothingDue(self.case.id))?;
        let kind = match self.case.measure {
            Measure::Suspend { .. } => LineKind::SuspendedTime,
            _ => LineKind::Refund,
        };
        let mut time = None;
        if kind == LineKind::SuspendedTime {
            (time, outcome.parts) = self.suspended_so_far().await?;
            outcome.unused = outcome.parts.iter().map(|part| part.price).sum();
            self.suspend_lease(None).await?;
        }
        let settlement = self.settle(app, kind, &outcome.parts, Rule::Clause, time).await?;
        outcome.compensation = settlement.total;
        self.outcome = Some(outcome);
        let after = json!({ "total": settlement.total, "lines": settlement.lines });
        let told = format!("For you: {} {}", settlement.total, app.config.currency);
        let to = self.case.tenant_id;
        self.tell(to, Event::ReclaimSettled, "Settled", told).await?;
        self.advance(state, Event::ReclaimSettled, after, "").await
    }

    /// Ends what somebody has waited too long with.
    async fn expire(&mut self, app: &App) -> Result<(), Error> {
        let state = self.decide(&Command::Expire)?;
        let reason = state.closed_reason().unwrap_or_default().to_owned();
        let (action, title) = match state {
            State::Overturned { .. } => (Event::ReclaimOverturned, "Appeal upheld"),
            _ => (Event::ReclaimLapsed, "Case lapsed"),
        };
        if matches!(state, State::Overturned { .. }) {
            self.overturn(app).await?;
        } else {
            self.undo(app, Vec::new()).await?;
        }
        if self.case.is_served() {
            self.tell_respondent(action, title, &reason).await?;
        }
        self.tell_initiator(action, title, &reason).await?;
        self.advance(state, action, json!({}), &reason).await
    }
}

/// When the measure of a case that is due takes effect.
fn effective_at(case: &Case, now: Timestamp) -> Timestamp {
    match case.measure {
        Measure::Suspend { .. } => now,
        _ => case.deadline(now).unwrap_or(now),
    }
}

impl CaseOutcome {
    fn of_taken(taken: Taken) -> CaseOutcome {
        CaseOutcome {
            effective_at: taken.effective_at,
            gpus: taken.gpus,
            units: taken.units,
            unused: taken.unused,
            compensation: crate::kernel::Money::ZERO,
            choice: Some(taken.choice),
            reserved: taken.reserved,
            parts: Vec::new(),
        }
    }
}
