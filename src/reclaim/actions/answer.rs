//! What the other side does once a case is served, what comes back, and the appeal.

use serde_json::json;

use super::{Step, begin, end};
use crate::api::{Call, Problem, Reply};
use crate::app::App;
use crate::kernel::event::Event;
use crate::kernel::{Reason, ReclaimCaseId, ResponseId, Timestamp};
use crate::leases;
use crate::notifications;
use crate::reclaim::error::Error;
use crate::reclaim::rules::{Command, LineKind, Portion, Rule, State};
use crate::reclaim::store::{self, Response};

/// Most answers of a case.
const MAX_RESPONSES: usize = 100;

impl Step {
    /// Whoever acts on a notice has read it.
    async fn note_reading(&mut self) -> Result<(), Error> {
        if let Some(message) = self.message {
            notifications::mark_read(&mut self.act, message).await?;
        }
        Ok(())
    }
}

/// Says that the notice has been read.
pub async fn acknowledge(app: &App, call: Call, id: ReclaimCaseId) -> Result<Reply, Error> {
    let mut step = begin(app, &call, id).await?;
    let state = step.decide(&Command::Acknowledge)?;
    step.note_reading().await?;
    let after = json!({ "read_at": state.notice().and_then(|notice| notice.read_at) });
    step.finish(app, state, Event::ReclaimAcknowledged, after, "").await
}

/// Answers.
pub async fn respond(
    app: &App,
    call: Call,
    id: ReclaimCaseId,
    text: Reason,
) -> Result<Reply, Error> {
    let mut step = begin(app, &call, id).await?;
    let state = step.decide(&Command::Respond)?;
    if store::responses(&mut step.act, id).await?.len() >= MAX_RESPONSES {
        let detail = format!("a case has at most {MAX_RESPONSES} answers");
        return Err(Problem::conflict("too_many_responses", detail).into());
    }
    step.note_reading().await?;
    let now = step.act.now;
    let response = Response { id: ResponseId::new(now), text: text.to_string(), created_at: now };
    let by = call.caller.actor.uuid();
    store::insert_response(&mut step.act, id, &response, by).await?;
    step.tell_initiator(Event::ReclaimResponded, "The other side has answered", text.as_str())
        .await?;
    let after = json!({ "response_id": response.id });
    step.finish(app, state, Event::ReclaimResponded, after, text.as_str()).await
}

/// Files a plan to put it right.
pub async fn cure(
    app: &App,
    call: Call,
    id: ReclaimCaseId,
    plan: Reason,
    done_by: Option<Timestamp>,
) -> Result<Reply, Error> {
    let mut step = begin(app, &call, id).await?;
    let state = step.decide(&Command::Cure { plan: plan.to_string(), done_by })?;
    step.note_reading().await?;
    step.tell_initiator(Event::ReclaimCureFiled, "A plan to put it right", plan.as_str()).await?;
    let until = state.notice().and_then(|notice| notice.plan.as_ref()).map(|plan| plan.until);
    let after = json!({ "until": until });
    step.finish(app, state, Event::ReclaimCureFiled, after, plan.as_str()).await
}

/// Says that it has been put right: the case is over.
pub async fn accept_cure(
    app: &App,
    call: Call,
    id: ReclaimCaseId,
    reason: Reason,
) -> Result<Reply, Error> {
    let command = Command::AcceptCure { reason: reason.to_string() };
    end(app, &call, id, command, (Event::ReclaimCured, "Put right"), &reason).await
}

/// Says that the plan will not do: the window goes on.
pub async fn reject_cure(
    app: &App,
    call: Call,
    id: ReclaimCaseId,
    reason: Reason,
) -> Result<Reply, Error> {
    let mut step = begin(app, &call, id).await?;
    let state = step.decide(&Command::RejectCure { reason: reason.to_string() })?;
    step.tell_respondent(Event::ReclaimCureRejected, "Plan rejected", reason.as_str()).await?;
    step.finish(app, state, Event::ReclaimCureRejected, json!({}), reason.as_str()).await
}

/// Appeals.
pub async fn appeal(
    app: &App,
    call: Call,
    id: ReclaimCaseId,
    text: Reason,
) -> Result<Reply, Error> {
    let mut step = begin(app, &call, id).await?;
    let state = step.decide(&Command::Appeal { text: text.to_string() })?;
    step.note_reading().await?;
    step.tell_initiator(Event::ReclaimAppealed, "Appeal", text.as_str()).await?;
    let decide_by = state.notice().and_then(|notice| notice.appeal.as_ref());
    let after = json!({ "decide_by": decide_by.map(|appeal| appeal.decide_by) });
    step.finish(app, state, Event::ReclaimAppealed, after, text.as_str()).await
}

/// What an appeal comes to.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize, utoipa::ToSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// It was right: the case is over, and what it did is made good.
    Uphold,
    /// It was wrong: the case goes on.
    Dismiss,
}

/// Decides the appeal, as staff that has had no part in the case.
pub async fn decide(
    app: &App,
    call: Call,
    id: ReclaimCaseId,
    verdict: Verdict,
    reason: Reason,
) -> Result<Reply, Error> {
    let mut step = begin(app, &call, id).await?;
    let reason = reason.to_string();
    let (state, action, title) = match verdict {
        Verdict::Uphold => {
            let state = step.decide(&Command::Uphold { reason: reason.clone() })?;
            (state, Event::ReclaimOverturned, "Appeal upheld")
        }
        Verdict::Dismiss => {
            let state = step.decide(&Command::Dismiss { reason: reason.clone() })?;
            (state, Event::ReclaimAppealDismissed, "Appeal dismissed")
        }
    };
    if verdict == Verdict::Uphold {
        step.overturn(app).await?;
    }
    step.tell_respondent(action, title, &reason).await?;
    step.tell_initiator(action, title, &reason).await?;
    let after = json!({ "deadline": state.notice().map(|notice| notice.due_at()) });
    step.finish(app, state, action, after, &reason).await
}

impl Step {
    /// Makes good what a case did that is overturned: the lease is as if there had been none, and units
    /// that are gone are paid for.
    pub(super) async fn overturn(&mut self, app: &App) -> Result<(), Error> {
        let taken: Vec<Portion> = match &self.case.state {
            State::Executed { .. } => {
                self.outcome.as_ref().map(|outcome| outcome.parts.clone()).unwrap_or_default()
            }
            _ => Vec::new(),
        };
        if !taken.is_empty() && !self.case.clause.compensation.prorata_refund {
            let reason = "the case that took it did not stand";
            leases::waive_reclaim(&mut self.act, self.lease.id, reason).await?;
        }
        if !self.undo(app, taken).await? {
            // It is on record that it cost nothing.
            self.settle(app, LineKind::Refund, &[], Rule::Returned, None).await?;
        }
        Ok(())
    }
}
