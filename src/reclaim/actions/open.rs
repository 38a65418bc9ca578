//! Opening a case.

use serde_json::json;

use super::{check_running, entry, fill_in, taking_back, view};
use crate::accounts;
use crate::api::{Call, Problem, Reply};
use crate::app::{Act, App};
use crate::kernel::event::Event;
use crate::kernel::{
    Caller, LeaseId, OrganizationId, Reason, ReclaimCaseId, Span, Timestamp, TrancheId,
};
use crate::leases::{self, FreedUnits, Lease, Tranche};
use crate::reclaim::error::Error;
use crate::reclaim::rules::{
    Case, CaseRefusal, Measure, Notice, Person, Reserve, State, check_measure,
};
use crate::reclaim::store::{self, CaseRecord};
use crate::supply::{self, Action, Clause, Ground, Party};

/// Longest time that units are kept for somebody.
const MAX_RESERVE: Span = Span::days(366);
/// So often opening a case is tried while others change the lease.
const ATTEMPTS: u32 = 5;

/// What is asked for when a case is opened.
#[derive(Debug, Clone)]
pub struct Request {
    /// The clause by its ground, or by its place in the terms.
    pub clause: ClauseChoice,
    pub measure: Asked,
    /// For whom what is taken back is kept, and how long.
    pub reserve: Option<(OrganizationId, Span)>,
    /// It takes effect then at the earliest, whenever the notice is read.
    pub not_before: Option<Timestamp>,
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
    Warn,
    Suspend {
        until: Timestamp,
    },
    Full,
    /// The tranche need not be named where only one is left.
    Partial {
        tranche: Option<TrancheId>,
        size: Size,
        until: Option<Timestamp>,
    },
}

/// How much, as asked.
#[derive(Debug, Clone, Copy)]
pub enum Size {
    Units(u32),
    Gpus(u32),
}

/// Opens a case in draft. The reply says which units would go, and for what money.
///
/// What is drafted, shown and kept is of one revision of the lease: planes are locked before leases, so the
/// taking back is tried first, in a transaction of its own that is undone, and the case is kept only if the
/// lease, now locked, is still as it was then.
///
/// # Errors
/// What is refused; [`Error::LeaseChanging`] if the lease does not stand still; those of the database.
pub async fn open(
    app: &App,
    call: Call,
    lease_id: LeaseId,
    request: Request,
) -> Result<Reply, Error> {
    for _ in 0..ATTEMPTS {
        let mut act = app.begin(&call).await?;
        let (drafted, seen) = draft_within(&mut act, lease_id, request.clone()).await?;
        // One connection at a time; the idempotency key is claimed anew.
        act.give_up().await?;
        let tried = dry_run(app, &drafted).await;

        let mut act = app.begin(&call).await?;
        let lease = leases::locked(&mut act, lease_id).await?;
        if lease.is_none_or(|lease| lease.revision != seen) {
            act.give_up().await?;
            continue;
        }
        let units = match tried {
            Err(problem) if problem.code() == "contended" => {
                act.give_up().await?;
                continue;
            }
            tried => tried?,
        };
        let mut drafted = drafted;
        insert(&mut act, &drafted).await?;
        fill_in(&mut act, &mut drafted).await?;
        let kept = CaseRecord { case: drafted, message: None, outcome: None };
        let mut view = view(app, &mut act, kept).await?;
        view.units_to_go = units;
        let revision = view.revision;
        return Ok(act.finish(Reply::created(&view).revision(revision)).await?);
    }
    Err(Error::LeaseChanging(lease_id))
}

/// Opens a case in draft within the caller's act; says which.
///
/// # Errors
/// What is refused; those of the database.
pub async fn open_within(
    act: &mut Act,
    lease_id: LeaseId,
    request: Request,
) -> Result<ReclaimCaseId, Error> {
    let (drafted, _) = draft_within(act, lease_id, request).await?;
    insert(act, &drafted).await?;
    Ok(drafted.id)
}

/// The case that `request` asks for, and the revision of the lease that it is drafted for.
async fn draft_within(
    act: &mut Act,
    lease_id: LeaseId,
    request: Request,
) -> Result<(Case, i32), Error> {
    let caller = act.call.caller;
    let lease = leases::find(act, lease_id, caller.scope()).await?;
    let lease = lease.ok_or(Error::UnknownLease(lease_id))?;
    check_reserve(act, &lease, &request).await?;
    let clauses = supply::terms(act, lease.terms_hash).await?.unwrap_or_default();
    Ok((draft(&lease, &clauses, &caller, request, act.now)?, lease.revision))
}

/// Keeps a new case and logs it.
async fn insert(act: &mut Act, drafted: &Case) -> Result<(), Error> {
    store::insert(act, drafted).await?;
    store::insert_participant(act, drafted.id, drafted.initiator).await?;
    let after = json!({
        "state": drafted.state.name(),
        "lease_id": drafted.lease_id,
        "ground": drafted.clause.ground,
        "measure": drafted.measure,
        "reserve": drafted.reserve,
    });
    act.log(entry(Event::ReclaimOpened, drafted).after(after).reason(&drafted.reason));
    Ok(())
}

fn draft(
    lease: &Lease,
    clauses: &[Clause],
    caller: &Caller,
    request: Request,
    now: Timestamp,
) -> Result<Case, Error> {
    let by = Person::of(caller, lease.provider_id, lease.tenant_id);
    let initiator = by.user.ok_or(CaseRefusal::PersonRequired)?;
    check_running(lease)?;
    let action = match request.measure {
        Asked::Warn => Action::Warn,
        Asked::Suspend { .. } => Action::Suspend,
        Asked::Full => Action::Full,
        Asked::Partial { .. } => Action::Partial,
    };
    let (clause, initiated_as) = choose_clause(clauses, request.clause, action, &by)?;
    let at = Notice::serve(clause, request.not_before, now).due_at();
    if request.not_before.is_some() && at >= lease.ends_at {
        let ends_at = lease.ends_at;
        return Err(CaseRefusal::NoticeOutlastsLease { deadline: at, ends_at }.into());
    }
    let measure = match request.measure {
        Asked::Warn => Measure::Warn,
        Asked::Suspend { until } => Measure::Suspend { until },
        Asked::Full => Measure::Full,
        Asked::Partial { tranche, size, until } => partial(lease, tranche, size, until, at)?,
    };
    check_measure(measure, clause, &lease.tranches, at)?;
    let reserve = request.reserve.filter(|_| measure.takes_units());
    Ok(Case {
        id: ReclaimCaseId::new(now),
        lease_id: lease.id,
        provider_id: lease.provider_id,
        tenant_id: lease.tenant_id,
        clause: clause.clone(),
        terms_hash: lease.terms_hash,
        measure,
        reserve: reserve.map(|(organization_id, lasting)| Reserve { organization_id, lasting }),
        not_before: request.not_before,
        reason: request.reason.to_string(),
        initiator,
        initiated_as,
        evidence: 0,
        approvals: Vec::new(),
        participants: vec![initiator],
        unratified: None,
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
) -> Result<(&'c Clause, Party), CaseRefusal> {
    let candidates: Vec<&Clause> = match choice {
        ClauseChoice::OnGround(ground) => {
            clauses.iter().filter(|clause| clause.ground == ground).collect()
        }
        ClauseChoice::Nth(index) => clauses.get(index).into_iter().collect(),
    };
    let Some(first) = candidates.first() else {
        return Err(CaseRefusal::ClauseNotOnLease(match choice {
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
        return Err(CaseRefusal::RoleMayNotInvoke(first.ground));
    };
    invocable.iter().find(|(clause, _)| clause.allows(action)).copied().ok_or(
        CaseRefusal::ActionBeyondClause {
            ground: nearest.ground,
            asked: action,
            allowed: nearest.action_max,
        },
    )
}

fn partial(
    lease: &Lease,
    tranche: Option<TrancheId>,
    size: Size,
    until: Option<Timestamp>,
    at: Timestamp,
) -> Result<Measure, Error> {
    let mut left = lease.tranches.iter().filter(|tranche| tranche.ends_at > at);
    let is_named = |it: &&Tranche, id: TrancheId| it.id == id || it.line == id;
    let found = match tranche {
        Some(id) => left.find(|it| is_named(it, id)).ok_or(CaseRefusal::TrancheNotThere(id))?,
        None => match left.next() {
            Some(first) if left.all(|other| other.line == first.line) => first,
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
    // The line stays what it is whatever becomes of its pieces.
    Ok(Measure::Partial { tranche_id: found.line, units, until })
}

/// The units that taking back would take from the lease, as it stands: they are taken, and it is undone.
async fn dry_run(app: &App, case: &Case) -> Result<Option<Vec<FreedUnits>>, Problem> {
    let mut act = app.begin_job("reclaim.rehearse").await?;
    let at = case.deadline(act.now).unwrap_or(act.now);
    let Some(what) = taking_back(case, at) else { return Ok(None) };
    let taken = leases::take_back(app, &mut act, case.lease_id, what).await?;
    act.give_up().await?;
    Ok(Some(taken.units))
}

/// Whoever units are kept for can have them: the provider, or a verified tenant.
async fn check_reserve(
    connection: &mut sqlx::PgConnection,
    lease: &Lease,
    request: &Request,
) -> Result<(), Error> {
    let Some((organization, lasting)) = request.reserve else { return Ok(()) };
    if !(Span::hours(1)..=MAX_RESERVE).contains(&lasting) {
        let detail = format!("units are kept for PT1H to {MAX_RESERVE}, not {lasting}");
        return Err(Problem::field("reserve.lasting", detail).into());
    }
    if organization == lease.provider_id {
        return Ok(());
    }
    let known = accounts::parties(connection, &[organization]).await?;
    let party = known.get(&organization).filter(|_| organization != lease.tenant_id);
    match party.map(accounts::require_can_book) {
        Some(Ok(())) => Ok(()),
        _ => Err(Problem::field(
            "reserve.organization_id",
            "units are kept for the provider itself, or for another verified tenant",
        )
        .into()),
    }
}
