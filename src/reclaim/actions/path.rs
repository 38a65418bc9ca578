//! The way of a case until it is served, and giving it up: acts of those who open and approve it.

use serde_json::json;

use super::{Step, begin, check_running, end};
use crate::api::{Call, Reply};
use crate::app::App;
use crate::kernel::event::Event;
use crate::kernel::time::said;
use crate::kernel::{Reason, ReclaimCaseId};
use crate::reclaim::error::Error;
use crate::reclaim::rules::{
    Approval, CaseRefusal, Command, Measure, Notice, State, check_measure,
};
use crate::reclaim::store;

/// Hands a draft in for approval; one that needs none is approved at once.
pub async fn submit(app: &App, call: Call, id: ReclaimCaseId) -> Result<Reply, Error> {
    let step = begin(app, &call, id).await?;
    check_running(&step.lease)?;
    let state = step.decide(&Command::Submit)?;
    let reason = step.case.reason.clone();
    step.finish(app, state, Event::ReclaimSubmitted, json!({}), &reason).await
}

/// Gives the caller's approval; the last one that a suspension at once waits for ratifies it.
pub async fn approve(app: &App, call: Call, id: ReclaimCaseId) -> Result<Reply, Error> {
    let mut step = begin(app, &call, id).await?;
    step.lock_lease().await?;
    check_running(&step.lease)?;
    let state = step.decide(&Command::Approve)?;
    let by = step.by();
    let (Some(user), Some(role)) = (by.user, by.approver) else {
        return Err(CaseRefusal::PersonRequired.into());
    };
    let approval = Approval { user, role, at: step.act.now };
    store::insert_approval(&mut step.act, id, &approval).await?;
    step.case.approvals.push(approval);
    let after = json!({ "role": role });
    if let State::Executed { effective_at, .. } = state {
        step.outcome = Some(step.suspension_outcome(effective_at));
        let reason = step.case.reason.clone();
        step.tell_respondent(Event::ReclaimRatified, "Suspension ratified", &reason).await?;
        return step.finish(app, state, Event::ReclaimRatified, after, "").await;
    }
    step.finish(app, state, Event::ReclaimApprovalGiven, after, "").await
}

/// Ends a case that an approver is against; a suspension at once is lifted.
pub async fn refuse(
    app: &App,
    call: Call,
    id: ReclaimCaseId,
    reason: Reason,
) -> Result<Reply, Error> {
    let command = Command::Refuse { reason: reason.to_string() };
    end(app, &call, id, command, (Event::ReclaimRefused, "Suspension lifted"), &reason).await
}

/// Suspends the lease at once, in an emergency: lifted again unless others ratify it in time, or have approved
/// it before.
pub async fn suspend_at_once(app: &App, call: Call, id: ReclaimCaseId) -> Result<Reply, Error> {
    call.require_key()?;
    let mut step = begin(app, &call, id).await?;
    step.lock_lease().await?;
    check_running(&step.lease)?;
    let state = step.decide(&Command::SuspendAtOnce)?;
    let case = &step.case;
    check_measure(case.measure, &case.clause, &step.lease.tranches, step.act.now)?;
    let Measure::Suspend { until } = case.measure else {
        return Err(CaseRefusal::NoEmergency(case.clause.ground).into());
    };
    let ratify_by = match &state {
        State::Suspended { ratify_by, .. } => Some(*ratify_by),
        _ => None,
    };
    let after = json!({ "until": until, "ratify_by": ratify_by });
    let reason = case.reason.clone();
    if let State::Executed { effective_at, .. } = state {
        step.outcome = Some(step.suspension_outcome(effective_at));
    }
    step.message = Some(step.serve_message("Suspended at once", &state).await?);
    step.suspend_lease(Some(until)).await?;
    step.finish(app, state, Event::ReclaimSuspended, after, &reason).await
}

/// Serves the notice: the other side is told, and the window begins when it reads it.
pub async fn serve(app: &App, call: Call, id: ReclaimCaseId) -> Result<Reply, Error> {
    call.require_key()?;
    let mut step = begin(app, &call, id).await?;
    step.lock_lease().await?;
    check_running(&step.lease)?;
    let state = step.decide(&Command::Serve { lease_ends_at: step.lease.ends_at })?;
    let Some(deadline) = state.notice().map(Notice::due_at) else {
        return Err(CaseRefusal::NoticeNotServed.into());
    };
    let case = &step.case;
    check_measure(case.measure, &case.clause, &step.lease.tranches, deadline)?;
    let after = json!({ "deadline": deadline, "ground": case.clause.ground });
    let reason = case.reason.clone();
    step.message = Some(step.serve_message("Notice", &state).await?);
    step.finish(app, state, Event::ReclaimServed, after, &reason).await
}

/// Gives a case up; a suspension that runs is lifted.
pub async fn withdraw(
    app: &App,
    call: Call,
    id: ReclaimCaseId,
    reason: Reason,
) -> Result<Reply, Error> {
    let command = Command::Withdraw { reason: reason.to_string() };
    end(app, &call, id, command, (Event::ReclaimWithdrawn, "Case withdrawn"), &reason).await
}

impl Step {
    /// The notice itself: what, why, until when, and what the other side can do.
    async fn serve_message(
        &mut self,
        title: &str,
        state: &State,
    ) -> Result<crate::kernel::MessageId, Error> {
        let case = &self.case;
        let mut body = format!(
            "Action: {}. Clause: this lease {}. Reasons: {}",
            case.measure.action(),
            case.clause.in_words(),
            case.reason
        );
        if let Some(notice) = state.notice() {
            body.push_str(&format!(
                "\nThe notice counts as read when one of you opens this message, at {} at the latest. \
                 It takes effect at {} at the latest{}.",
                said(&notice.deemed_read_at),
                said(&notice.due_at()),
                match case.not_before {
                    Some(at) => format!(", and not before {}", said(&at)),
                    None => String::new(),
                },
            ));
        }
        let title = format!("{title} ({})", case.clause.ground);
        self.tell_respondent(Event::ReclaimServed, &title, body).await
    }
}
