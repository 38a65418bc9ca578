//! Members of organizations, and staff of the marketplace.

use serde::Deserialize;
use serde_json::json;
use utoipa::ToSchema;

use super::sessions::new_user;
use super::{person, require_owner};
use crate::accounts::caller::Gate;
use crate::accounts::error::Error;
use crate::accounts::rules::{Email, EndReason, Member, Name, Password};
use crate::accounts::{passwords, require_staff, store};
use crate::api::{Call, Problem, Reply};
use crate::app::{Act, App};
use crate::db::log::Entry;
use crate::kernel::event::Event;
use crate::kernel::{OrganizationId, Role, StaffRole, UserId};

/// Somebody who joins an organization: a user who exists, by the e-mail address alone, or a new one
/// with a name and a first password.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewMember {
    pub email: Email,
    pub role: Role,
    pub name: Option<Name>,
    pub password: Option<Password>,
}

/// Adds a member, as a person who owns the organization.
///
/// # Errors
/// 403 and 404 for others, 409 for a member or an e-mail address that is there already, 422 for an
/// unknown user.
pub async fn add_member(
    app: &App,
    call: &Call,
    organization: OrganizationId,
    new: NewMember,
) -> Result<Reply, Problem> {
    require_owner(&call.caller, organization)?;
    person(&call.caller)?;
    let created = match (new.name, new.password) {
        (Some(name), Some(password)) => Some((name, passwords::hash(password).await?)),
        (None, None) => None,
        _ => return Err(Error::HalfAUser.into()),
    };
    let mut act = app.begin(call).await?;
    let now = act.now;
    let user = match created {
        Some((name, password_hash)) => {
            let user = new_user(new.email, name, None, now);
            store::insert_user(&mut act, &user, &password_hash).await.map_err(Error::from)?;
            user.id
        }
        None => {
            let found = store::log_in_by_email(&mut act, new.email.as_str()).await?;
            found.filter(|found| found.staff_role.is_none()).ok_or(Error::UserUnknown)?.user
        }
    };
    store::insert_membership(&mut act, organization, user, new.role, now)
        .await
        .map_err(Error::from)?;
    let member = find_member(&mut act, organization, user).await?;
    let entry = Entry::new(Event::MemberAdded, user).tenant(organization);
    let after = json!({ "organization_id": organization, "role": new.role });
    act.log(entry.after(after).reason("added by an owner"));
    act.finish(Reply::created(&member)).await
}

/// Gives a member another role, as a person who owns the organization. The member logs in anew.
///
/// # Errors
/// 403 and 404 for others, 409 for the last owner.
pub async fn change_role(
    app: &App,
    call: &Call,
    organization: OrganizationId,
    user: UserId,
    role: Role,
) -> Result<Reply, Problem> {
    let (mut act, mut member) = begin_change(app, call, organization, user).await?;
    if member.role == role {
        return act.finish(Reply::ok(&member)).await;
    }
    if member.role == Role::Owner {
        keep_an_owner(&mut act, organization, user).await?;
    }
    store::set_role(&mut act, organization, user, role).await?;
    let before = std::mem::replace(&mut member.role, role);
    let entry = Entry::new(Event::MemberRoleChanged, user).tenant(organization);
    let entry = entry.before(json!({ "role": before })).after(json!({ "role": role }));
    act.log(entry.reason("changed by an owner"));
    finish_change(app, act, organization, &member).await
}

/// Ends a membership, as a person who owns the organization.
///
/// # Errors
/// 403 and 404 for others, 409 for the last owner.
pub async fn remove_member(
    app: &App,
    call: &Call,
    organization: OrganizationId,
    user: UserId,
) -> Result<Reply, Problem> {
    let (mut act, member) = begin_change(app, call, organization, user).await?;
    if member.role == Role::Owner {
        keep_an_owner(&mut act, organization, user).await?;
    }
    store::delete_membership(&mut act, organization, user).await?;
    let entry = Entry::new(Event::MemberRemoved, user).tenant(organization);
    act.log(entry.before(json!({ "role": member.role })).reason("removed by an owner"));
    finish_change(app, act, organization, &member).await
}

/// Opens an act on a member, with the organization locked: two owners who remove each other at the
/// same time come one after the other, and the second finds the last owner.
async fn begin_change(
    app: &App,
    call: &Call,
    organization: OrganizationId,
    user: UserId,
) -> Result<(Act, Member), Problem> {
    require_owner(&call.caller, organization)?;
    let owner = person(&call.caller)?;
    let mut act = app.begin(call).await?;
    store::lock_organization(&mut act, organization, call.caller.scope()).await?;
    // The token may be older than a change that held the lock before.
    let is_owner = store::member(&mut act, organization, owner).await?;
    if is_owner.is_none_or(|member| member.role != Role::Owner) {
        return Err(Problem::forbidden("you no longer own this organization; ask an owner"));
    }
    let member = find_member(&mut act, organization, user).await?;
    Ok((act, member))
}

/// Commits a change of `member`, whose sessions for the organization end with it.
async fn finish_change(
    app: &App,
    mut act: Act,
    organization: OrganizationId,
    member: &Member,
) -> Result<Reply, Problem> {
    let (now, dry_run, reason) = (act.now, act.call.dry_run, EndReason::MembershipChanged);
    let ended =
        store::end_sessions(&mut act, member.user_id, Some(organization), reason, now).await?;
    let reply = act.finish(Reply::ok(member)).await?;
    if !dry_run {
        Gate::of(app).end_sessions(&ended, now);
    }
    Ok(reply)
}

async fn find_member(
    act: &mut Act,
    organization: OrganizationId,
    user: UserId,
) -> Result<Member, Problem> {
    let member = store::member(act, organization, user).await?;
    member.ok_or_else(|| Problem::not_found("member", user))
}

async fn keep_an_owner(
    act: &mut Act,
    organization: OrganizationId,
    user: UserId,
) -> Result<(), Error> {
    if store::has_other_owner(act, organization, user).await? {
        return Ok(());
    }
    Err(Error::LastOwner)
}

/// A new member of staff.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewStaff {
    pub email: Email,
    pub name: Name,
    pub password: Password,
    pub role: StaffRole,
}

/// Makes a member of staff, as staff that administers the marketplace.
///
/// # Errors
/// 403 for others, 409 if the e-mail address is taken.
pub async fn create_staff(app: &App, call: &Call, new: NewStaff) -> Result<Reply, Problem> {
    require_staff(&call.caller)?;
    let password_hash = passwords::hash(new.password).await?;
    let mut act = app.begin(call).await?;
    let user = new_user(new.email, new.name, Some(new.role), act.now);
    store::insert_user(&mut act, &user, &password_hash).await.map_err(Error::from)?;
    let entry = Entry::new(Event::StaffCreated, user.id).after(json!({ "staff_role": new.role }));
    act.log(entry.reason("created by staff"));
    act.finish(Reply::created(&user)).await
}

/// Makes a member of staff from the command line of the server, which needs no log-in: the first one.
///
/// # Errors
/// 409 if the e-mail address is taken; those of the database.
pub async fn create_admin(app: &App, new: NewStaff) -> Result<(), Problem> {
    create_staff(app, &Call::server("admin create"), new).await.map(|_| ())
}

/// A member of staff, as a person names one.
#[derive(Debug, Clone)]
pub enum WhichStaff {
    Id(UserId),
    Email(Email),
}

/// Gives a member of staff another role, or none: then the person is staff no longer. Who it is logs in
/// anew, and approvals that were given in the old role do not count any more.
///
/// # Errors
/// 403 for others, 404 for who is no staff, 409 for the last admin.
pub async fn change_staff(
    app: &App,
    call: &Call,
    which: WhichStaff,
    role: Option<StaffRole>,
) -> Result<Reply, Problem> {
    require_staff(&call.caller)?;
    let mut act = app.begin(call).await?;
    let (id, email) = match &which {
        WhichStaff::Id(id) => (Some(*id), None),
        WhichStaff::Email(email) => (None, Some(email.as_str())),
    };
    let found = store::lock_staff(&mut act, id, email).await?;
    let mut user = found.ok_or_else(|| match &which {
        WhichStaff::Id(id) => Problem::not_found("member of staff", id),
        WhichStaff::Email(email) => Problem::not_found("member of staff", email.as_str()),
    })?;
    let before = user.staff_role;
    if before == role {
        return act.finish(Reply::ok(&user)).await;
    }
    if before == Some(StaffRole::Admin) && !store::has_other_admin(&mut act, user.id).await? {
        return Err(Error::LastAdmin.into());
    }
    store::set_staff_role(&mut act, user.id, role).await?;
    user.staff_role = role;
    let action = if role.is_some() { Event::StaffRoleChanged } else { Event::StaffRemoved };
    let entry = Entry::new(action, user.id).before(json!({ "staff_role": before }));
    act.log(entry.after(json!({ "staff_role": role })).reason("changed by staff"));
    let (now, dry_run, reason) = (act.now, call.dry_run, EndReason::MembershipChanged);
    let ended = store::end_sessions(&mut act, user.id, None, reason, now).await?;
    let reply = act.finish(Reply::ok(&user)).await?;
    if !dry_run {
        Gate::of(app).end_sessions(&ended, now);
    }
    Ok(reply)
}

/// The same from the command line of the server, which needs no log-in.
///
/// # Errors
/// 404 for who is no staff, 409 for the last admin; those of the database.
pub async fn change_staff_here(
    app: &App,
    email: Email,
    role: Option<StaffRole>,
) -> Result<(), Problem> {
    let call = Call::server("admin change");
    change_staff(app, &call, WhichStaff::Email(email), role).await.map(|_| ())
}
