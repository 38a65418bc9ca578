//! Registering, logging in, staying logged in, logging out.

use std::net::IpAddr;

use chrono::TimeDelta;
use serde::Deserialize;
use serde_json::json;
use utoipa::ToSchema;

use super::{fresh_secret, hash_of, person};
use crate::accounts::caller::Gate;
use crate::accounts::error::Error;
use crate::accounts::limits::LogInLimits;
use crate::accounts::passwords;
use crate::accounts::rules::{
    ACCESS_LIFE, Decision, Email, EndReason, Kind, Name, Organization, Password, REFRESH_LIFE,
    Registered, Tokens, User, Verification,
};
use crate::accounts::store::{self, RefreshToken};
use crate::accounts::tokens::{Claims, KeyRing};
use crate::api::{Call, Problem, Reply, call};
use crate::app::{Act, App};
use crate::db::log::Entry;
use crate::kernel::event::Event;
use crate::kernel::{Actor, Caller, OrganizationId, Role, SessionId, StaffRole, Timestamp, UserId};

/// A user who begins an organization.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Registration {
    pub email: Email,
    pub password: Password,
    pub name: Name,
    pub organization: NewOrganization,
}

/// An organization that is not there yet.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewOrganization {
    pub name: Name,
    /// What it does on the market; at least one.
    #[schema(min_items = 1, max_items = 2)]
    pub kinds: std::collections::BTreeSet<Kind>,
}

/// Makes a user and an organization, unverified, that the user owns.
///
/// # Errors
/// 409 if the e-mail address or the organization's name is taken, 422 without a kind.
pub async fn register(app: &App, registration: Registration) -> Result<Registered, Problem> {
    let Registration { email, password, name, organization } = registration;
    if organization.kinds.is_empty() {
        return Err(Error::NoKind.into());
    }
    let password_hash = passwords::hash(password).await?;
    let now = app.now();
    let user = new_user(email, name, None, now);
    let organization = Organization {
        id: OrganizationId::new(now),
        name: organization.name.as_str().to_owned(),
        kinds: organization.kinds,
        verification: Verification::Unverified,
        verification_reason: "registered".to_owned(),
        revision: 1,
        created_at: now,
        can: Decision::applicable(Verification::Unverified),
    };
    let own = call_of(user.id, Some((organization.id, Role::Owner)), None);
    let mut act = app.begin(&own).await?;
    store::insert_user(&mut act, &user, &password_hash).await.map_err(Error::from)?;
    store::insert_organization(&mut act, &organization).await.map_err(Error::from)?;
    store::insert_membership(&mut act, organization.id, user.id, Role::Owner, now).await?;
    let after = json!({
        "name": organization.name, "kinds": organization.kinds, "owner": user.id,
    });
    let entry = Entry::new(Event::OrganizationRegistered, organization.id).tenant(organization.id);
    act.log(entry.after(after).reason("registered"));
    act.commit().await?;
    Ok(Registered { user, organization: organization.seen_by(&own.caller) })
}

/// A user who is not stored yet.
pub(super) fn new_user(
    email: Email,
    name: Name,
    staff_role: Option<StaffRole>,
    now: Timestamp,
) -> User {
    User {
        id: UserId::new(now),
        email: email.as_str().to_owned(),
        name: name.as_str().to_owned(),
        staff_role,
        created_at: now,
    }
}

/// Begins a session for the user with this e-mail address and password, who acts for `organization` or
/// else the one joined first.
///
/// # Errors
/// 401 if address or password is wrong, without telling which and after the same work; 429 after too
/// many tries; 422 for an organization that the user does not belong to.
pub async fn log_in(
    app: &App,
    peer: IpAddr,
    email: Email,
    password: String,
    organization: Option<OrganizationId>,
) -> Result<Tokens, Problem> {
    LogInLimits::of(app).take(peer, &email)?;
    let found = {
        let mut connection = app.db.acquire().await?;
        store::log_in_by_email(&mut connection, email.as_str()).await?
    };
    let hash = found.as_ref().map(|found| found.password_hash.clone());
    let is_right = passwords::is_right(password, hash).await?;
    let Some(found) = found.filter(|_| is_right) else {
        tracing::info!(%peer, "a log-in failed");
        return Err(Error::WrongLogIn.into());
    };
    let ring = KeyRing::of(app);
    ring.ready(app).await?;
    let mut act = app.begin(&call_of(found.user, None, found.staff_role)).await?;
    let memberships = store::lock_memberships(&mut act, found.user).await?;
    let membership = choose(&memberships, found.staff_role, organization)?;
    act.call.caller.membership = membership;
    let session = SessionId::new(act.now);
    let (now, acts_for) = (act.now, membership.map(|(organization, _)| organization));
    store::insert_session(&mut act, session, found.user, acts_for, now).await?;
    let claims = Claims::new(found.user, session, membership, found.staff_role, now);
    let tokens = issue(&mut act, &ring, &claims).await?;
    act.log(scoped(Entry::new(Event::SessionBegun, session), acts_for).reason("logged in"));
    act.commit().await?;
    Ok(tokens)
}

/// Who brings a refresh token.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Bearer {
    /// A program, which has it from the body of a reply.
    Program,
    /// A browser, which has it in a cookie.
    Browser,
}

impl Bearer {
    /// For how long a token that was exchanged may come again. A browser that leaves a page before
    /// the reply arrives never sees the new cookie; a program has no such excuse.
    fn grace(self) -> Option<TimeDelta> {
        (self == Bearer::Browser).then_some(TimeDelta::seconds(30))
    }
}

/// Exchanges a refresh token for new tokens, and acts for another organization from then on if one is
/// named. A token that was exchanged before ends its session: one of the two who have it stole it.
///
/// # Errors
/// 401 for a token that is unknown, used or expired, and for a session that has ended; 422 for an
/// organization that the user does not belong to.
pub async fn refresh(
    app: &App,
    refresh_token: &str,
    bearer: Bearer,
    organization: Option<OrganizationId>,
) -> Result<Tokens, Problem> {
    let ring = KeyRing::of(app);
    ring.ready(app).await?;
    let hash = hash_of(refresh_token);
    let (mut act, user) = begin_as_holder(app, &hash).await?;
    // Before the session: whoever changes a membership locks it first and then ends sessions.
    let memberships = store::lock_memberships(&mut act, user).await?;
    let token = lock_token(&mut act, &hash).await?;
    let now = act.now;
    if token.ended_at.is_some() {
        return Err(Error::SessionEnded.into());
    }
    let is_excused = |used_at| bearer.grace().is_some_and(|grace| now - used_at <= grace);
    if token.used_at.is_some_and(|used_at| !is_excused(used_at)) {
        end(app, act, &token, EndReason::RefreshTokenReused).await?;
        tracing::warn!(session = %token.session, "a refresh token was used twice");
        return Err(Error::RefreshReused.into());
    }
    if token.expires_at <= now {
        return Err(Error::RefreshExpired.into());
    }
    let user = store::user(&mut act, user).await?.ok_or(Error::RefreshUnknown)?;
    let wanted = organization.or(token.organization);
    let membership = choose(&memberships, user.staff_role, wanted)?;
    act.call.caller.membership = membership;
    if let Some((chosen, _)) = membership.filter(|(id, _)| Some(*id) != token.organization) {
        store::set_session_organization(&mut act, token.session, chosen).await?;
        let entry = Entry::new(Event::SessionSwitched, token.session).tenant(chosen);
        act.log(entry.reason("the user acts for another organization"));
    }
    store::use_refresh_token(&mut act, &hash, now).await?;
    let claims = Claims::new(user.id, token.session, membership, user.staff_role, now);
    let tokens = issue(&mut act, &ring, &claims).await?;
    act.commit().await?;
    Ok(tokens)
}

/// Ends the session of a refresh token, used or not. A session that has ended stays so.
///
/// # Errors
/// 401 for a token that is unknown.
pub async fn log_out(app: &App, refresh_token: &str) -> Result<(), Problem> {
    let hash = hash_of(refresh_token);
    let (mut act, _) = begin_as_holder(app, &hash).await?;
    let token = lock_token(&mut act, &hash).await?;
    if token.ended_at.is_none() {
        end(app, act, &token, EndReason::LoggedOut).await?;
    }
    Ok(())
}

/// Gives the caller a new password and ends all the caller's sessions.
///
/// # Errors
/// 422 if the present password is wrong, 429 after too many tries, 403 for an API key.
pub async fn change_password(
    app: &App,
    call: &Call,
    peer: IpAddr,
    present: String,
    new: Password,
) -> Result<Reply, Problem> {
    let user = person(&call.caller)?;
    let found = {
        let mut connection = app.db.acquire().await?;
        let found = store::user(&mut connection, user).await?;
        let found = found.ok_or_else(|| Problem::not_found("user", user))?;
        let email = found.email.parse().map_err(Problem::internal)?;
        LogInLimits::of(app).take(peer, &email)?;
        store::log_in_by_email(&mut connection, &found.email).await?
    };
    let hash = found.map(|found| found.password_hash);
    if !passwords::is_right(present, hash).await? {
        return Err(Error::WrongPassword.into());
    }
    let hash = passwords::hash(new).await?;
    let mut act = app.begin(call).await?;
    let now = act.now;
    store::set_password(&mut act, user, &hash).await?;
    let ended = store::end_sessions(&mut act, user, None, EndReason::PasswordChanged, now).await?;
    let entry = Entry::new(Event::UserPasswordChanged, user).reason("the user has a new password");
    act.log(scoped(entry, call.caller.organization()));
    let reply = act.finish(Reply::ok(&json!({ "ended_sessions": ended.len() }))).await?;
    if !call.dry_run {
        Gate::of(app).end_sessions(&ended, now);
    }
    Ok(reply)
}

/// Opens an act of the user whose refresh token it is.
async fn begin_as_holder(app: &App, hash: &[u8]) -> Result<(Act, UserId), Problem> {
    let user = {
        let mut connection = app.db.acquire().await?;
        store::refresh_token_user(&mut connection, hash).await?
    };
    let user = user.ok_or(Error::RefreshUnknown)?;
    Ok((app.begin(&call_of(user, None, None)).await?, user))
}

async fn lock_token(act: &mut Act, hash: &[u8]) -> Result<RefreshToken, Problem> {
    let token = store::lock_refresh_token(act, hash).await?;
    Ok(token.ok_or(Error::RefreshUnknown)?)
}

async fn end(
    app: &App,
    mut act: Act,
    token: &RefreshToken,
    reason: EndReason,
) -> Result<(), Problem> {
    let now = act.now;
    store::end_session(&mut act, token.session, reason, now).await?;
    let entry =
        Entry::new(Event::SessionEnded, token.session).after(json!({ "end_reason": reason }));
    let why = match reason {
        EndReason::RefreshTokenReused => "a refresh token was used twice",
        _ => "logged out",
    };
    act.log(scoped(entry, token.organization).reason(why));
    act.commit().await?;
    Gate::of(app).end_sessions(&[token.session], now);
    Ok(())
}

/// Makes the tokens for `claims`.
async fn issue(act: &mut Act, ring: &KeyRing, claims: &Claims) -> Result<Tokens, Problem> {
    let (refresh_token, hash) = fresh_secret("lhr_");
    let refresh_expires_at = act.now + REFRESH_LIFE;
    store::insert_refresh_token(act, &hash, claims.sid, refresh_expires_at).await?;
    Ok(Tokens {
        access_token: ring.sign(claims)?,
        token_type: "Bearer",
        expires_in: ACCESS_LIFE.num_seconds(),
        refresh_token: Some(refresh_token),
        refresh_expires_at,
        organization_id: claims.org,
    })
}

/// For whom a user acts who asks for `wanted`.
fn choose(
    memberships: &[(OrganizationId, Role)],
    staff: Option<StaffRole>,
    wanted: Option<OrganizationId>,
) -> Result<Option<(OrganizationId, Role)>, Error> {
    match (staff, wanted) {
        (Some(_), Some(_)) => Err(Error::StaffHasNone),
        (_, None) => Ok(memberships.first().copied()),
        (None, Some(wanted)) => {
            let found = memberships.iter().find(|(organization, _)| *organization == wanted);
            found.map(|found| Some(*found)).ok_or(Error::NoMember(wanted))
        }
    }
}

/// The call of a user who proves who it is with what the body carries.
fn call_of(
    user: UserId,
    membership: Option<(OrganizationId, Role)>,
    staff: Option<StaffRole>,
) -> Call {
    Call {
        caller: Caller { actor: Actor::User(user), membership, staff },
        request_id: call::current_request_id().unwrap_or_default(),
        dry_run: false,
        if_match: None,
        idempotency: None,
    }
}

fn scoped(entry: Entry, organization: Option<OrganizationId>) -> Entry {
    match organization {
        Some(organization) => entry.tenant(organization),
        None => entry,
    }
}
