//! What can be done with quotas: one function, one transaction.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Deserializer};
use sqlx::PgConnection;
use utoipa::ToSchema;
use uuid::Uuid;

use crate::accounts::{self, Verification};
use crate::api::problem::constraint;
use crate::api::{Call, Problem, Reply};
use crate::app::{Act, App};
use crate::db::log::Entry;
use crate::kernel::event::Event;
use crate::kernel::money::parse_decimal;
use crate::kernel::time::is_in_calendar;
use crate::kernel::{
    Caller, Name, OrganizationId, ProjectId, QuotaId, QuotaOverrideId, Reason, Role, SiteId,
    StaffRole, Timestamp,
};
use crate::quotas::error::Error;
use crate::quotas::memory::{ReadHoldings, look_anew};
use crate::quotas::rules::{Dimension, Rule};
use crate::quotas::store::{self, Override, QuotaRecord};
use crate::quotas::views::QuotaView;

/// A limit as it is written: a decimal in a string, a duration, or a whole number as it is.
#[derive(Debug, Clone)]
pub struct LimitText(pub String);

impl<'de> Deserialize<'de> for LimitText {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Visitor;
        impl serde::de::Visitor<'_> for Visitor {
            type Value = LimitText;
            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("a decimal in a string, a duration or a whole number")
            }
            fn visit_str<E>(self, text: &str) -> Result<LimitText, E> {
                Ok(LimitText(text.to_owned()))
            }
            fn visit_u64<E>(self, number: u64) -> Result<LimitText, E> {
                Ok(LimitText(number.to_string()))
            }
            fn visit_i64<E>(self, number: i64) -> Result<LimitText, E> {
                Ok(LimitText(number.to_string()))
            }
        }
        deserializer.deserialize_any(Visitor)
    }
}

impl utoipa::PartialSchema for LimitText {
    fn schema() -> utoipa::openapi::RefOr<utoipa::openapi::schema::Schema> {
        utoipa::openapi::ObjectBuilder::new()
            .schema_type(utoipa::openapi::schema::Type::String)
            .examples(["2048"])
            .into()
    }
}
impl ToSchema for LimitText {}

/// A quota to be set.
#[derive(Debug, Clone, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct QuotaBody {
    /// Whose; yours unless said otherwise.
    pub organization_id: Option<OrganizationId>,
    /// A default instead: for organizations that stand so and have no own quota of the same.
    pub verification: Option<Verification>,
    /// Only of this project's bookings.
    pub project_id: Option<ProjectId>,
    pub dimension: Dimension,
    /// Only of what is booked of this accelerator.
    pub accelerator: Option<Name>,
    /// Only of what is booked at this site.
    pub site_id: Option<SiteId>,
    /// In the dimension's unit, from 0 to 2^63 − 1; a duration for the longest lease.
    pub limit: Option<LimitText>,
    /// For a project instead of a limit: its share of what the organization holds for itself, 0 to 1.
    #[schema(value_type = Option<String>, example = "0.25")]
    pub share: Option<String>,
    /// It limits what happens from then on; from now on unless said otherwise.
    pub valid_from: Option<DateTime<Utc>>,
    /// It limits what happens until then; for good unless said otherwise.
    pub valid_until: Option<DateTime<Utc>>,
    pub reason: Reason,
}

/// Sets a quota; where there is one of the same, changes it. Nothing is cut that is booked already.
///
/// # Errors
/// What is refused.
pub async fn set(
    app: &App,
    read: ReadHoldings,
    call: &Call,
    body: QuotaBody,
) -> Result<Reply, Error> {
    let rule = rule(&body)?;
    let mut act = app.begin(call).await?;
    let now = act.now;
    let (organization_id, verification) = whose(&mut act, &body).await?;
    let valid_from = body.valid_from.unwrap_or(now);
    check_validity(valid_from, body.valid_until)?;
    let wanted = QuotaRecord {
        id: QuotaId::new(now),
        organization_id,
        verification,
        project_id: body.project_id,
        dimension: body.dimension,
        accelerator: body.accelerator.as_ref().map(ToString::to_string),
        site_id: body.site_id,
        rule,
        valid_from,
        valid_until: body.valid_until,
        reason: body.reason.to_string(),
        revision: 1,
        created_at: now,
        ended_at: None,
        overrides: Vec::new(),
    };
    hold(&mut act, &wanted).await?;
    let (before, after) = match store::find_same(&mut act, &wanted).await? {
        Some(before) => {
            call.check_revision(before.revision)?;
            let after = QuotaRecord {
                rule,
                valid_from: body.valid_from.unwrap_or(before.valid_from),
                valid_until: body.valid_until,
                reason: wanted.reason,
                revision: before.revision + 1,
                ..before.clone()
            };
            check_validity(after.valid_from, after.valid_until)?;
            store::update(&mut act, &after).await?;
            (Some(before), after)
        }
        None => {
            let added = store::add(&mut act, &wanted).await;
            added.map_err(|error| match constraint(&error) {
                Some("quotas_accelerator_id_fkey") => {
                    Error::UnknownAccelerator(wanted.accelerator.clone().unwrap_or_default())
                }
                _ => error.into(),
            })?;
            (None, wanted)
        }
    };
    finish(app, read, act, Event::QuotaSet, before, after).await
}

fn rule(body: &QuotaBody) -> Result<Rule, Error> {
    match (&body.limit, &body.share) {
        (Some(limit), None) => Ok(Rule::Amount(body.dimension.parse(&limit.0)?)),
        (None, Some(_)) if body.project_id.is_none() => Err(Error::ShareOfNothing),
        (None, Some(_)) if !body.dimension.is_over_time() => {
            Err(Error::ShareOfDimension(body.dimension))
        }
        (None, Some(share)) => {
            let share = parse_decimal(share).ok_or(Error::NotAShare)?;
            let millionths = (share * rust_decimal::Decimal::from(1_000_000)).normalize();
            let millionths = Some(millionths).filter(|millionths| millionths.scale() == 0);
            let millionths = millionths.and_then(|millionths| u32::try_from(millionths).ok());
            let share = millionths.filter(|millionths| *millionths <= 1_000_000);
            Ok(Rule::Share(share.ok_or(Error::NotAShare)?))
        }
        _ => Err(Error::LimitOrShare),
    }
}

fn check_validity(from: Timestamp, until: Option<Timestamp>) -> Result<(), Error> {
    let is_good =
        is_in_calendar(from) && until.is_none_or(|until| from < until && is_in_calendar(until));
    if is_good { Ok(()) } else { Err(Error::Validity) }
}

/// Whose quota `body` is about, if the caller may set it.
async fn whose(
    act: &mut Act,
    body: &QuotaBody,
) -> Result<(Option<OrganizationId>, Option<Verification>), Error> {
    let caller = act.call.caller;
    if let Some(project) = body.project_id {
        let owner = accounts::owners_of_projects(act, &[project.0]).await?.pop();
        let owner = owner.map(|(_, owner)| owner);
        let is_seen = |owner: &OrganizationId| {
            caller.scope().is_none_or(|scope| scope == owner.0)
                && body.organization_id.is_none_or(|named| named == *owner)
        };
        let owner = owner.filter(is_seen).ok_or_else(|| Problem::not_found("project", project))?;
        if body.verification.is_some() {
            return Err(Error::Whose);
        }
        require_decider(&caller, Some(owner), true)?;
        return Ok((Some(owner), None));
    }
    require_decider(&caller, body.organization_id, false)?;
    match (body.organization_id, body.verification) {
        (Some(organization), None) => Ok((Some(organization), None)),
        (None, Some(verification)) => Ok((None, Some(verification))),
        _ => Err(Error::Whose),
    }
}

/// Lets pass who decides on a quota: staff that administers, and for a project the owner of its
/// organization.
pub(super) fn require_decider(
    caller: &Caller,
    organization: Option<OrganizationId>,
    is_for_project: bool,
) -> Result<(), Problem> {
    let is_own = caller.organization().is_some() && caller.organization() == organization;
    match caller.staff {
        Some(StaffRole::Admin) => Ok(()),
        Some(_) => Err(Problem::forbidden("only staff with the role admin may do this")),
        None if is_for_project && is_own && caller.has_role(Role::Owner) => Ok(()),
        None if is_for_project => {
            Err(Problem::forbidden("only an owner of the organization keeps its projects' quotas"))
        }
        None => Err(Problem::forbidden(
            "the marketplace keeps the quotas of organizations; ask for a raise at /v1/quota-requests",
        )),
    }
}

/// Holds up bookings that `quota` counts, those that are under way first, and opens a book.
pub(super) async fn hold(act: &mut Act, quota: &QuotaRecord) -> Result<(), Error> {
    match quota.organization_id {
        Some(organization) => {
            let held = accounts::hold_bookings(act, organization).await?;
            held.ok_or_else(|| Problem::not_found("organization", organization))?;
            store::open_books(act, &[organization]).await?;
            store::raise_rules(act, organization).await?;
        }
        None => store::hold_all_bookings(act).await?,
    }
    Ok(())
}

/// Ends an act on a quota: servers learn of it, it is logged, and shown as it stands now.
async fn finish(
    app: &App,
    read: ReadHoldings,
    mut act: Act,
    action: Event,
    before: Option<QuotaRecord>,
    after: QuotaRecord,
) -> Result<Reply, Error> {
    if after.organization_id.is_none() {
        store::raise_defaults(&mut act).await?;
    }
    act.log(entry(action, before.as_ref(), &after));
    let view = as_it_stands(app, read, &mut act, &after).await?;
    let reply = if before.is_none() { Reply::created(&view) } else { Reply::ok(&view) };
    Ok(act.finish(reply.revision(after.revision)).await?)
}

pub(super) fn entry(action: Event, before: Option<&QuotaRecord>, after: &QuotaRecord) -> Entry {
    let mut entry =
        Entry::new(action, after.id).after(QuotaView::record(after)).reason(after.reason.clone());
    if let Some(organization) = after.organization_id {
        entry = entry.tenant(organization);
    }
    match before {
        Some(before) => entry.before(QuotaView::record(before)),
        None => entry,
    }
}

async fn as_it_stands(
    app: &App,
    read: ReadHoldings,
    act: &mut Act,
    quota: &QuotaRecord,
) -> Result<QuotaView, Error> {
    let Some(organization) = quota.organization_id else { return Ok(QuotaView::new(quota, None)) };
    let now = act.now.timestamp_micros();
    let in_force = quota.in_force();
    let state = look_anew(app, act, read, organization, |book| book.state(&in_force, now)).await?;
    Ok(QuotaView::new(quota, Some(&state)))
}

/// What `caller` may see: `None` everything, else its organization's and the defaults that stand for it.
///
/// # Errors
/// Those of the database.
pub async fn sight(
    connection: &mut PgConnection,
    caller: &Caller,
) -> Result<Option<(Uuid, Verification)>, Problem> {
    let Some(scope) = caller.scope() else { return Ok(None) };
    let party = accounts::parties(connection, &[OrganizationId(scope)]).await?;
    let party = party.into_values().next();
    Ok(Some((scope, party.map_or(Verification::Unverified, |party| party.verification))))
}

/// The quota `id`, if it still stands and the caller decides on it; bookings that it counts are held up.
async fn open(act: &mut Act, id: QuotaId) -> Result<QuotaRecord, Error> {
    let caller = act.call.caller;
    let scope = sight(act, &caller).await?;
    let unknown = || Problem::not_found("quota", id);
    let seen = store::find(act, id, scope).await?.ok_or_else(unknown)?;
    require_decider(&caller, seen.organization_id, seen.project_id.is_some())?;
    hold(act, &seen).await?;
    let quota = store::find(act, id, scope).await?.ok_or_else(unknown)?;
    act.call.check_revision(quota.revision)?;
    if quota.ended_at.is_some() { Err(Error::Ended(id)) } else { Ok(quota) }
}

/// Lifts a quota; a default stands again where there is one.
///
/// # Errors
/// What is refused.
pub async fn end(
    app: &App,
    read: ReadHoldings,
    call: &Call,
    id: QuotaId,
    reason: &Reason,
) -> Result<Reply, Error> {
    let mut act = app.begin(call).await?;
    let before = open(&mut act, id).await?;
    let after = QuotaRecord {
        ended_at: Some(act.now),
        reason: reason.to_string(),
        revision: before.revision + 1,
        ..before.clone()
    };
    store::update(&mut act, &after).await?;
    finish(app, read, act, Event::QuotaEnded, Some(before), after).await
}

/// Another limit for a while.
#[derive(Debug, Clone, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct OverrideBody {
    /// In the dimension's unit, from 0 to 2^63 − 1; a duration for the longest lease.
    pub limit: LimitText,
    /// Now unless said otherwise.
    pub starts_at: Option<DateTime<Utc>>,
    /// Then the quota restores itself.
    pub ends_at: DateTime<Utc>,
    pub reason: Reason,
}

/// Lets another limit stand for a while.
///
/// # Errors
/// What is refused.
pub async fn override_for_a_while(
    app: &App,
    read: ReadHoldings,
    call: &Call,
    id: QuotaId,
    body: OverrideBody,
) -> Result<Reply, Error> {
    let mut act = app.begin(call).await?;
    let now = act.now;
    let before = open(&mut act, id).await?;
    let instead = Override {
        id: QuotaOverrideId::new(now),
        amount: before.dimension.parse(&body.limit.0)?,
        starts_at: body.starts_at.unwrap_or(now),
        ends_at: body.ends_at,
        reason: body.reason.to_string(),
    };
    let after = with_override(&mut act, &before, instead).await?;
    finish(app, read, act, Event::QuotaOverridden, Some(before), after).await
}

pub(super) async fn with_override(
    act: &mut Act,
    before: &QuotaRecord,
    instead: Override,
) -> Result<QuotaRecord, Error> {
    let now = act.now;
    if instead.starts_at < now
        || instead.ends_at <= instead.starts_at
        || !is_in_calendar(instead.ends_at)
    {
        return Err(Error::OverridePeriod);
    }
    let added = store::add_override(act, before.id, &instead, now).await;
    added.map_err(|error| match constraint(&error) {
        Some("quota_overrides_no_overlap") => Error::OverrideOverlaps(before.id),
        _ => error.into(),
    })?;
    let mut after = QuotaRecord {
        revision: before.revision + 1,
        reason: instead.reason.clone(),
        ..before.clone()
    };
    // The quota keeps its own reason; the override has its own.
    after.reason.clone_from(&before.reason);
    after.overrides.push(instead);
    after.overrides.sort_by_key(|one| one.starts_at);
    store::update(act, &after).await?;
    Ok(after)
}

/// Ends the overrides of a quota at once.
///
/// # Errors
/// What is refused.
pub async fn restore(
    app: &App,
    read: ReadHoldings,
    call: &Call,
    id: QuotaId,
    reason: &Reason,
) -> Result<Reply, Error> {
    let mut act = app.begin(call).await?;
    let now = act.now;
    let before = open(&mut act, id).await?;
    if store::end_overrides(&mut act, id, now).await? == 0 {
        return Err(Error::NothingToRestore(id));
    }
    let mut after =
        QuotaRecord { revision: before.revision + 1, reason: reason.to_string(), ..before.clone() };
    after.overrides.retain(|one| one.starts_at < now);
    after.overrides.iter_mut().for_each(|one| one.ends_at = one.ends_at.min(now));
    store::update(&mut act, &after).await?;
    finish(app, read, act, Event::QuotaRestored, Some(before), after).await
}
