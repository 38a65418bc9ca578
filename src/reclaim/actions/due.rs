//! What time does to cases.

use serde_json::json;

use super::{Step, check_running, taking_back};
use crate::app::App;
use crate::kernel::{MessageId, ReclaimCaseId, Span, Timestamp};
use crate::leases::{self, Taken};
use crate::notifications;
use crate::reclaim::error::Error;
use crate::reclaim::rules::{
    Case, Command, LineKind, Measure, Refusal, Rule, State, check_measure, portions,
};
use crate::reclaim::store::{self, CaseOutcome};

/// So often a case is looked at that is due and waits for approvals.
const LOOK_AGAIN_AFTER: Span = Span::hours(1);

/// Does the next thing that is due, in one case besides those in `except`: lets it fall due, executes
/// or settles it, or ends it because somebody has waited too long. Says in which, `None` if in none.
///
/// # Errors
/// The case with what went wrong; nothing was changed then.
pub async fn step_next(
    app: &App,
    except: &[uuid::Uuid],
) -> Result<Option<ReclaimCaseId>, (Option<ReclaimCaseId>, Error)> {
    let begun = async {
        let mut act = app.begin_job("reclaim.step_due").await?;
        let now = act.now;
        let kept = store::next_due(&mut act, now, except).await?;
        Ok::<_, Error>(kept.map(|kept| (act, kept)))
    };
    match begun.await {
        Ok(None) => Ok(None),
        Err(error) => Err((None, error)),
        Ok(Some((act, kept))) => {
            let id = kept.case.id;
            let stepped = async {
                let mut step = Step::of(act, kept).await?;
                step.step(app).await?;
                Ok::<_, Error>(step.act.commit().await?)
            };
            stepped.await.map_err(|error| (Some(id), error))?;
            Ok(Some(id))
        }
    }
}

/// Takes note of up to `limit` notices that were read in the inbox, after the message `after`; says
/// where to go on.
///
/// # Errors
/// Those of the database.
pub async fn note_readings(
    app: &App,
    after: uuid::Uuid,
    limit: i64,
) -> Result<(u64, Option<uuid::Uuid>), Error> {
    let mut connection = app.db.acquire().await?;
    let unread = store::unread(&mut connection, after, limit).await?;
    let messages: Vec<MessageId> = unread.iter().map(|(_, message)| *message).collect();
    let readings = notifications::readings(&mut connection, &messages).await?;
    drop(connection);
    for (message, read_at) in &readings {
        let case = unread.iter().find(|(_, unread)| unread == message).map(|(case, _)| *case);
        if let Some(case) = case {
            note_reading(app, case, *read_at).await?;
        }
    }
    let is_full = i64::try_from(unread.len()).is_ok_and(|count| count >= limit);
    let noted = u64::try_from(readings.len()).unwrap_or(0);
    Ok((noted, messages.last().filter(|_| is_full).map(|last| last.0)))
}

async fn note_reading(app: &App, case: ReclaimCaseId, read_at: Timestamp) -> Result<(), Error> {
    let mut act = app.begin_job("reclaim.note_readings").await?;
    let Some(kept) = store::locked(&mut act, case, None).await? else { return Ok(()) };
    let mut step = Step::of(act, kept).await?;
    step.note_reading_of(read_at).await?;
    Ok(step.act.commit().await?)
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
                    self.advance(state, "reclaim.due", json!({}), "").await
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
        self.advance(state, "reclaim.read", after, "").await?;
        Ok(true)
    }

    /// The case is due, and somebody who approved it has left or has another role: it waits.
    async fn wait(&mut self) -> Result<(), Error> {
        let state = self.decide(&Command::Wait)?;
        let missing = Refusal::ApprovalsMissing(self.case.missing());
        let detail = format!("{missing}; the case ends unless they are given");
        self.tell_initiator("reclaim.approvals_missing", "Approvals are missing", detail).await?;
        let after = json!({ "approvals_missing": self.case.missing() });
        self.advance(state, "reclaim.waits", after, "").await
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
        let running = check_running(&self.lease).map_err(|error| error.to_string());
        let checked = running.and_then(|()| {
            check_measure(case.measure, &case.clause, &self.lease.tranches, at)
                .map_err(|refusal| refusal.to_string())
        });
        checked.err()
    }

    async fn lapse(&mut self, app: &App, reason: String) -> Result<(), Error> {
        let state = self.decide(&Command::Lapse { reason: reason.clone() })?;
        self.undo(app, Vec::new()).await?;
        self.tell_respondent("reclaim.lapsed", "Case lapsed", &reason).await?;
        self.advance(state, "reclaim.lapsed", json!({}), &reason).await
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
        self.advance(state, "reclaim.executed", after, &reason).await?;
        self.tell_respondent("reclaim.executed", "Executed", &reason).await?;
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
        self.tell(to, "reclaim.settled", "Settled", told).await?;
        self.advance(state, "reclaim.settled", after, "").await
    }

    /// Ends what somebody has waited too long with.
    async fn expire(&mut self, app: &App) -> Result<(), Error> {
        let state = self.decide(&Command::Expire)?;
        let reason = state.closed_reason().unwrap_or_default().to_owned();
        let (action, title) = match state {
            State::Overturned { .. } => ("reclaim.overturned", "Appeal upheld"),
            _ => ("reclaim.lapsed", "Case lapsed"),
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
