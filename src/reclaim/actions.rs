//! What can be done with cases: one function, one transaction.

use serde_json::json;
use sqlx::PgConnection;

use super::error::Error;
use super::rules::{
    Approval, Case, Command, Measure, Person, Refusal, State, approver_role, check_measure,
};
use super::store::{self, Evidence, Kept, Outcome};
use super::views::CaseView;
use crate::accounts;
use crate::api::{Call, Problem, Reply};
use crate::app::{Act, App};
use crate::db::log::Entry;
use crate::kernel::{
    Caller, EvidenceId, LeaseId, Name, Reason, ReclaimCaseId, Sha256, Timestamp, TrancheId,
};
use crate::leases::{self, Signed, Status, Taken, Taking};
use crate::supply;
use crate::supply::{Action, Clause, Ground, Party};

/// Most pieces of evidence of a case.
const MAX_EVIDENCE: u32 = 100;

/// What is asked for when a case is opened.
#[derive(Debug)]
pub struct Request {
    /// The clause by its ground, or by its place in the terms.
    pub clause: ClauseChoice,
    pub measure: Asked,
    pub reason: Reason,
}

/// Which clause of the lease's terms.
#[derive(Debug, Clone, Copy)]
pub enum ClauseChoice {
    /// The first on this ground that the caller may invoke and that goes far enough.
    OnGround(Ground),
    /// By its place, from 0.
    Nth(usize),
}

/// What is to be done, as asked.
#[derive(Debug, Clone, Copy)]
pub enum Asked {
    Full,
    /// The tranche need not be named where only one is left.
    Partial {
        tranche: Option<TrancheId>,
        size: Size,
    },
}

/// How much, as asked.
#[derive(Debug, Clone, Copy)]
pub enum Size {
    Units(u32),
    Gpus(u32),
}

/// Opens a case in draft. The reply says which units would go, and for what money.
pub async fn open(
    app: &App,
    call: Call,
    lease_id: LeaseId,
    request: Request,
) -> Result<Reply, Error> {
    let now = app.now();
    let drafted = {
        let mut connection = app.db.acquire().await?;
        let lease = leases::signed(&mut connection, lease_id, call.caller.scope()).await?;
        let lease = lease.ok_or(Error::UnknownLease(lease_id))?;
        let clauses = supply::terms(&mut connection, lease.terms_hash).await?.unwrap_or_default();
        draft(&lease, &clauses, &call.caller, request, now)?
    };
    let at = drafted.deadline(now).unwrap_or(now);
    let units = rehearse(app, &drafted, at).await?.units;

    let mut act = app.begin(&call).await?;
    insert(&mut act, &drafted).await?;
    let mut view = view(app, &mut act, Kept { case: drafted, outcome: None }).await?;
    view.units_to_go = Some(units);
    let revision = view.revision;
    Ok(act.finish(Reply::created(&view).revision(revision)).await?)
}

/// Opens a case in draft within the caller's act; says which.
pub(super) async fn open_within(
    act: &mut Act,
    lease_id: LeaseId,
    request: Request,
) -> Result<ReclaimCaseId, Error> {
    let caller = act.call.caller;
    let lease = leases::signed(act, lease_id, caller.scope()).await?;
    let lease = lease.ok_or(Error::UnknownLease(lease_id))?;
    let clauses = supply::terms(act, lease.terms_hash).await?.unwrap_or_default();
    let drafted = draft(&lease, &clauses, &caller, request, act.now)?;
    insert(act, &drafted).await?;
    Ok(drafted.id)
}

/// Keeps a new case and logs it.
async fn insert(act: &mut Act, drafted: &Case) -> Result<(), Error> {
    store::insert(act, drafted).await?;
    let after = json!({
        "state": drafted.state.name(),
        "lease_id": drafted.lease_id,
        "ground": drafted.clause.ground,
        "measure": drafted.measure,
    });
    act.log(entry("reclaim.opened", drafted).after(after).reason(&drafted.reason));
    Ok(())
}

fn draft(
    lease: &Signed,
    clauses: &[Clause],
    caller: &Caller,
    request: Request,
    now: Timestamp,
) -> Result<Case, Error> {
    let by = Person::of(caller, lease.provider_id, lease.tenant_id);
    let initiator = by.user.ok_or(Refusal::PersonRequired)?;
    check_running(lease)?;
    let action = match request.measure {
        Asked::Full => Action::Full,
        Asked::Partial { .. } => Action::Partial,
    };
    let (clause, initiated_as) = choose_clause(clauses, request.clause, action, &by)?;
    let at = now + clause.notice.delta();
    let measure = match request.measure {
        Asked::Full => Measure::Full,
        Asked::Partial { tranche, size } => partial(lease, tranche, size, at)?,
    };
    check_measure(measure, clause, &lease.tranches, at)?;
    Ok(Case {
        id: ReclaimCaseId::new(now),
        lease_id: lease.id,
        provider_id: lease.provider_id,
        tenant_id: lease.tenant_id,
        clause: clause.clone(),
        terms_hash: lease.terms_hash,
        measure,
        reason: request.reason.to_string(),
        initiator,
        initiated_as,
        evidence: 0,
        approvals: Vec::new(),
        state: State::Draft,
        revision: 1,
        created_at: now,
    })
}

fn choose_clause<'c>(
    clauses: &'c [Clause],
    choice: ClauseChoice,
    action: Action,
    by: &Person,
) -> Result<(&'c Clause, Party), Refusal> {
    let candidates: Vec<&Clause> = match choice {
        ClauseChoice::OnGround(ground) => {
            clauses.iter().filter(|clause| clause.ground == ground).collect()
        }
        ClauseChoice::Nth(index) => clauses.get(index).into_iter().collect(),
    };
    let Some(first) = candidates.first() else {
        return Err(Refusal::ClauseNotOnLease(match choice {
            ClauseChoice::OnGround(ground) => format!("on {ground}"),
            ClauseChoice::Nth(index) => format!("number {index}"),
        }));
    };
    let invocable: Vec<_> = candidates
        .iter()
        .filter_map(|clause| {
            let party = clause.invocable_by.iter().find(|party| by.is(**party))?;
            Some((*clause, *party))
        })
        .collect();
    let Some((nearest, _)) = invocable.first() else {
        return Err(Refusal::RoleMayNotInvoke(first.ground));
    };
    invocable.iter().find(|(clause, _)| clause.allows(action)).copied().ok_or(
        Refusal::ActionBeyondClause {
            ground: nearest.ground,
            asked: action,
            allowed: nearest.action_max,
        },
    )
}

fn partial(
    lease: &Signed,
    tranche: Option<TrancheId>,
    size: Size,
    at: Timestamp,
) -> Result<Measure, Error> {
    let mut left = lease.tranches.iter().filter(|tranche| tranche.ends_at > at);
    let found = match tranche {
        Some(id) => left.find(|tranche| tranche.id == id).ok_or(Refusal::TrancheNotThere(id))?,
        None => match (left.next(), left.next()) {
            (Some(only), None) => only,
            _ => {
                return Err(Problem::field(
                    "tranche_id",
                    "the lease does not have exactly one tranche then; name the one to take from",
                )
                .into());
            }
        },
    };
    let units = match size {
        Size::Units(units) => units,
        Size::Gpus(gpus) => {
            let step = found.gpus_per_unit().max(1);
            if !gpus.is_multiple_of(step) {
                let detail = format!("{gpus} GPUs are no whole number of units of {step} GPUs");
                return Err(Problem::field("gpus", detail).into());
            }
            gpus / step
        }
    };
    Ok(Measure::Partial { tranche_id: found.id, units })
}

/// What taking back at `at` would do to the lease: done, and undone.
async fn rehearse(app: &App, case: &Case, at: Timestamp) -> Result<Taken, Problem> {
    let mut act = app.begin_job("reclaim.rehearse").await?;
    leases::take_back(app, &mut act, case.lease_id, taking(case), at, &case.reason).await
}

/// What is said of a piece of evidence.
#[derive(Debug)]
pub struct NewEvidence {
    pub sha256: Sha256,
    pub source: Name,
    pub observed_at: Timestamp,
    pub note: Option<Reason>,
}

/// Adds a piece of evidence to a draft.
pub async fn add_evidence(
    app: &App,
    call: Call,
    id: ReclaimCaseId,
    new: NewEvidence,
) -> Result<Reply, Error> {
    let mut step = begin(app, &call, id).await?;
    let now = step.act.now;
    step.decide(&Command::AddEvidence)?;
    if new.observed_at > now {
        return Err(Problem::field("observed_at", "it lies in the future").into());
    }
    if step.case.evidence >= MAX_EVIDENCE {
        return Err(Problem::conflict(
            "too_much_evidence",
            format!("a case has at most {MAX_EVIDENCE} pieces of evidence; put some together"),
        )
        .into());
    }
    let evidence = Evidence {
        id: EvidenceId::new(now),
        sha256: new.sha256,
        source: new.source.to_string(),
        observed_at: new.observed_at,
        note: new.note.map(|note| note.to_string()).unwrap_or_default(),
        created_at: now,
    };
    let by = call.caller.actor.uuid();
    store::insert_evidence(&mut step.act, id, &evidence, by).await?;
    step.case.evidence += 1;
    let after = json!({
        "evidence_id": evidence.id, "sha256": evidence.sha256, "source": evidence.source,
    });
    step.finish(app, State::Draft, "reclaim.evidence_added", after, &evidence.note).await
}

/// Hands a draft in for approval; one that needs none is approved at once.
pub async fn submit(app: &App, call: Call, id: ReclaimCaseId) -> Result<Reply, Error> {
    let step = begin(app, &call, id).await?;
    check_running(&step.lease)?;
    let state = step.decide(&Command::Submit)?;
    let reason = step.case.reason.clone();
    step.finish(app, state, "reclaim.submitted", json!({}), &reason).await
}

/// Gives the caller's approval.
pub async fn approve(app: &App, call: Call, id: ReclaimCaseId) -> Result<Reply, Error> {
    let mut step = begin(app, &call, id).await?;
    check_running(&step.lease)?;
    let state = step.decide(&Command::Approve)?;
    let by = Person::of(&call.caller, step.case.provider_id, step.case.tenant_id);
    let (Some(user), Some(role)) = (by.user, by.approver) else {
        return Err(Refusal::PersonRequired.into());
    };
    let approval = Approval { user, role, at: step.act.now };
    store::insert_approval(&mut step.act, id, &approval).await?;
    step.case.approvals.push(approval);
    step.finish(app, state, "reclaim.approval_given", json!({ "role": role }), "").await
}

/// Ends a case that an approver is against.
pub async fn refuse(
    app: &App,
    call: Call,
    id: ReclaimCaseId,
    reason: Reason,
) -> Result<Reply, Error> {
    let step = begin(app, &call, id).await?;
    let state = step.decide(&Command::Refuse { reason: reason.to_string() })?;
    step.finish(app, state, "reclaim.refused", json!({}), reason.as_str()).await
}

/// Serves the notice: the tenant knows, and the deadline stands.
pub async fn serve(app: &App, call: Call, id: ReclaimCaseId) -> Result<Reply, Error> {
    call.require_key()?;
    let mut step = begin(app, &call, id).await?;
    check_running(&step.lease)?;
    let state = step.decide(&Command::Serve { lease_ends_at: step.lease.ends_at })?;
    let Some(notice) = state.notice() else {
        return Err(Refusal::NoticeNotServed.into());
    };
    let case = &step.case;
    check_measure(case.measure, &case.clause, &step.lease.tranches, notice.deadline)?;
    step.mark_lease(true).await?;
    let after = json!({ "deadline": notice.deadline, "ground": step.case.clause.ground });
    let reason = step.case.reason.clone();
    let is_rehearsal = call.dry_run;
    let reply = step.finish(app, state, "reclaim.served", after, &reason).await?;
    if !is_rehearsal {
        app.nudge();
    }
    Ok(reply)
}

/// Gives a case up.
pub async fn withdraw(
    app: &App,
    call: Call,
    id: ReclaimCaseId,
    reason: Reason,
) -> Result<Reply, Error> {
    let mut step = begin(app, &call, id).await?;
    let state = step.decide(&Command::Withdraw { reason: reason.to_string() })?;
    if step.case.is_served() {
        step.mark_lease(false).await?;
    }
    step.finish(app, state, "reclaim.withdrawn", json!({}), reason.as_str()).await
}

/// Executes one case whose deadline has come, besides those in `except`: takes the units back as of the
/// deadline, or gives the case up when there is nothing left to take. Says which, `None` if none is due.
///
/// # Errors
/// The case with what went wrong; nothing was changed then.
pub async fn execute_next(
    app: &App,
    except: &[uuid::Uuid],
) -> Result<Option<ReclaimCaseId>, (Option<ReclaimCaseId>, Error)> {
    let begun = async {
        let mut act = app.begin_job("reclaim.execute_due").await?;
        let now = act.now;
        let kept = store::next_due(&mut act, now, except).await?;
        Ok::<_, Error>(kept.map(|kept| (act, kept.case)))
    };
    match begun.await {
        Ok(None) => Ok(None),
        Err(error) => Err((None, error)),
        Ok(Some((act, case))) => {
            let id = case.id;
            execute(app, act, case).await.map_err(|error| (Some(id), error))?;
            Ok(Some(id))
        }
    }
}

async fn execute(app: &App, mut act: Act, mut case: Case) -> Result<(), Error> {
    let now = act.now;
    let by = Person::of(&act.call.caller, case.provider_id, case.tenant_id);
    let lease = leases::signed(&mut act, case.lease_id, None).await?;
    let lease = lease.ok_or(Error::UnknownLease(case.lease_id))?;
    let before = case.state.name();
    let at = case.deadline(now).unwrap_or(now);
    let nothing_to_take =
        check_running(&lease).err().map(|error| error.to_string()).or_else(|| {
            let checked = check_measure(case.measure, &case.clause, &lease.tranches, at);
            checked.err().map(|refusal| refusal.to_string())
        });
    let outcome = if let Some(reason) = nothing_to_take {
        case.state = case.decide(&Command::Lapse { reason: reason.clone() }, &by, now)?;
        if lease.noticed {
            leases::set_noticed(&mut act, lease.id, false).await?;
        }
        let log = entry("reclaim.lapsed", &case).before(json!({ "state": before }));
        act.log(log.after(json!({ "state": case.state.name() })).reason(reason));
        None
    } else {
        case.state = case.decide(&Command::Execute, &by, now)?;
        let taken =
            leases::take_back(app, &mut act, lease.id, taking(&case), at, &case.reason).await?;
        let outcome = Outcome {
            effective_at: taken.effective_at,
            gpus: taken.gpus,
            units: taken.units,
            unused: taken.unused,
            compensation: case.clause.compensation.amount(taken.unused),
        };
        let after = json!({ "state": case.state.name(), "outcome": outcome });
        let log = entry("reclaim.executed", &case).before(json!({ "state": before }));
        act.log(log.after(after).reason(&case.reason));
        Some(outcome)
    };
    case.revision += 1;
    if !store::set_state(&mut act, &case, outcome.as_ref()).await? {
        return Err(Error::Stale(case.id));
    }
    Ok(act.commit().await?)
}

/// The case `id` as `caller` sees it, with its timeline.
pub async fn show(app: &App, call: &Call, id: ReclaimCaseId) -> Result<CaseView, Error> {
    let mut connection = app.db.acquire().await?;
    let kept = store::case(&mut connection, id, call.caller.scope()).await?;
    let mut kept = kept.ok_or(Error::UnknownCase(id))?;
    kept.case.approvals = standing_approvals(&mut connection, &kept.case).await?;
    let mut view = CaseView::of(app, &mut connection, kept, &call.caller, app.now()).await?;
    view.timeline = Some(crate::audit::history(&mut connection, id, &call.caller).await?);
    Ok(view)
}

/// A case about to change, locked, with its lease.
struct Step {
    act: Act,
    case: Case,
    lease: Signed,
}

async fn begin(app: &App, call: &Call, id: ReclaimCaseId) -> Result<Step, Error> {
    let mut act = app.begin(call).await?;
    let kept = store::locked(&mut act, id, call.caller.scope()).await?;
    let mut case = kept.ok_or(Error::UnknownCase(id))?.case;
    call.check_revision(case.revision)?;
    case.approvals = standing_approvals(&mut act, &case).await?;
    let lease = leases::signed(&mut act, case.lease_id, None).await?;
    let lease = lease.ok_or(Error::UnknownLease(case.lease_id))?;
    Ok(Step { act, case, lease })
}

impl Step {
    fn decide(&self, command: &Command) -> Result<State, Refusal> {
        let case = &self.case;
        let by = Person::of(&self.act.call.caller, case.provider_id, case.tenant_id);
        case.decide(command, &by, self.act.now)
    }

    /// Marks the lease as under notice or not, in its own history too.
    async fn mark_lease(&mut self, noticed: bool) -> Result<(), Error> {
        leases::set_noticed(&mut self.act, self.lease.id, noticed).await?;
        let action = if noticed { "lease.noticed" } else { "lease.notice_lifted" };
        let log = Entry::new(action, self.lease.id)
            .tenant(self.lease.tenant_id)
            .provider(self.lease.provider_id)
            .after(json!({ "noticed": noticed, "case_id": self.case.id }))
            .reason(&self.case.reason);
        self.act.log(log);
        Ok(())
    }

    async fn finish(
        mut self,
        app: &App,
        state: State,
        action: &'static str,
        mut after: serde_json::Value,
        reason: &str,
    ) -> Result<Reply, Error> {
        let before = json!({ "state": self.case.state.name() });
        self.case.state = state;
        self.case.revision += 1;
        if !store::set_state(&mut self.act, &self.case, None).await? {
            return Err(Error::Stale(self.case.id));
        }
        after["state"] = json!(self.case.state.name());
        self.act.log(entry(action, &self.case).before(before).after(after).reason(reason));
        let revision = self.case.revision;
        let view = view(app, &mut self.act, Kept { case: self.case, outcome: None }).await?;
        Ok(self.act.finish(Reply::ok(&view).revision(revision)).await?)
    }
}

async fn view(app: &App, act: &mut Act, kept: Kept) -> Result<CaseView, Error> {
    let (caller, now) = (act.call.caller, act.now);
    CaseView::of(app, act, kept, &caller, now).await
}

/// The approvals of people who still hold the role in which they gave them.
async fn standing_approvals(
    connection: &mut PgConnection,
    case: &Case,
) -> Result<Vec<Approval>, Error> {
    let given = store::approvals(connection, case.id).await?;
    let users: Vec<_> = given.iter().map(|approval| approval.user).collect();
    let standings = accounts::standings(connection, &users, case.provider_id).await?;
    let holds = |approval: &Approval| {
        standings.iter().any(|standing| {
            let role = approver_role(standing.staff, standing.role);
            standing.user == approval.user && role.is_some_and(|role| role.covers(approval.role))
        })
    };
    Ok(given.into_iter().filter(holds).collect())
}

fn taking(case: &Case) -> Taking {
    match case.measure {
        Measure::Full => Taking::Whole,
        Measure::Partial { tranche_id, units } => Taking::Units { tranche: tranche_id, units },
    }
}

fn check_running(lease: &Signed) -> Result<(), Error> {
    if matches!(lease.status, Status::Scheduled | Status::Active) {
        return Ok(());
    }
    Err(Error::LeaseNotRunning { lease: lease.id, status: lease.status.as_str() })
}

/// An entry on `case`, for those to read who may know of it.
fn entry(action: &'static str, case: &Case) -> Entry {
    let mut entry = Entry::new(action, case.id);
    if case.is_served() || case.initiated_as != Party::Tenant {
        entry = entry.provider(case.provider_id);
    }
    if case.is_served() || case.initiated_as == Party::Tenant {
        entry = entry.tenant(case.tenant_id);
    }
    entry
}
