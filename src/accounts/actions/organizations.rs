//! What becomes of organizations, and what their owners set up: projects and API keys.

use serde_json::json;

use super::{fresh_secret, person, require_owner};
use crate::accounts::caller::{API_KEY_PREFIX, Gate};
use crate::accounts::error::Error;
use crate::accounts::rules::{
    API_KEY_LIFE_DEFAULT, API_KEY_LIFE_MAX, ApiKey, Decision, Name, NewApiKey, Project, Reason,
};
use crate::accounts::{require_staff, store};
use crate::api::{Call, Problem, Reply};
use crate::app::App;
use crate::db::log::Entry;
use crate::kernel::event::Event;
use crate::kernel::{ApiKeyId, OrganizationId, ProjectId, Role, Span};

/// Changes the verification of an organization, as staff.
///
/// # Errors
/// 403 for others, 409 where the decision does not apply, 412 for an older revision.
pub async fn decide(
    app: &App,
    call: &Call,
    id: OrganizationId,
    decision: Decision,
    reason: &Reason,
) -> Result<Reply, Problem> {
    require_staff(&call.caller)?;
    let mut act = app.begin(call).await?;
    let found = store::lock_organization(&mut act, id, None).await?;
    let mut organization = found.ok_or_else(|| Problem::not_found("organization", id))?;
    call.check_revision(organization.revision)?;
    let before = organization.verification;
    let after =
        decision.apply(before).ok_or(Error::NotDecidable { decision, verification: before })?;
    organization.verification = after;
    organization.verification_reason = reason.as_str().to_owned();
    organization.revision += 1;
    organization.can = Decision::applicable(after);
    store::update_organization(&mut act, &organization).await?;
    let action = match decision {
        Decision::Verify => Event::OrganizationVerified,
        Decision::Suspend => Event::OrganizationSuspended,
        Decision::Reinstate => Event::OrganizationReinstated,
    };
    let entry = Entry::new(action, id)
        .tenant(id)
        .before(json!({ "verification": before }))
        .after(json!({ "verification": after }));
    act.log(entry.reason(reason.as_str()));
    act.finish(Reply::ok(&organization).revision(organization.revision)).await
}

/// Gives an organization another name, as its owner or staff. What was signed keeps the old one.
///
/// # Errors
/// 403 and 404 for others, 409 if the name is taken, 412 for an older revision.
pub async fn rename(
    app: &App,
    call: &Call,
    id: OrganizationId,
    name: &Name,
    reason: &Reason,
) -> Result<Reply, Problem> {
    if call.caller.staff.is_some() {
        require_staff(&call.caller)?;
    } else {
        require_owner(&call.caller, id)?;
    }
    let mut act = app.begin(call).await?;
    let found = store::lock_organization(&mut act, id, call.caller.scope()).await?;
    let mut organization = found.ok_or_else(|| Problem::not_found("organization", id))?;
    call.check_revision(organization.revision)?;
    let before = std::mem::replace(&mut organization.name, name.as_str().to_owned());
    organization.revision += 1;
    store::update_organization(&mut act, &organization).await.map_err(Error::from)?;
    let entry = Entry::new(Event::OrganizationRenamed, id)
        .tenant(id)
        .before(json!({ "name": before }))
        .after(json!({ "name": organization.name }));
    act.log(entry.reason(reason.as_str()));
    let revision = organization.revision;
    act.finish(Reply::ok(&organization.seen_by(&call.caller)).revision(revision)).await
}

/// Makes a project, as the organization's owner.
///
/// # Errors
/// 403 and 404 for others, 409 if the name is taken.
pub async fn create_project(
    app: &App,
    call: &Call,
    organization: OrganizationId,
    name: &Name,
) -> Result<Reply, Problem> {
    require_owner(&call.caller, organization)?;
    let mut act = app.begin(call).await?;
    let now = act.now;
    let project =
        Project { id: ProjectId::new(now), name: name.as_str().to_owned(), created_at: now };
    store::insert_project(&mut act, organization, &project).await.map_err(Error::from)?;
    let entry = Entry::new(Event::ProjectCreated, project.id).tenant(organization).after(&project);
    act.log(entry.reason("created by an owner"));
    act.finish(Reply::created(&project)).await
}

/// Makes an API key, as a person who owns the organization; the reply alone shows it.
///
/// # Errors
/// 403 and 404 for others, 422 for a life beyond a year.
pub async fn create_api_key(
    app: &App,
    call: &Call,
    organization: OrganizationId,
    name: &Name,
    role: Role,
    expires_in: Option<Span>,
) -> Result<Reply, Problem> {
    require_owner(&call.caller, organization)?;
    let created_by = person(&call.caller)?;
    let life = expires_in.unwrap_or(API_KEY_LIFE_DEFAULT);
    if life == Span::ZERO || life > API_KEY_LIFE_MAX {
        return Err(Error::KeyLife.into());
    }
    // Replies are kept under their idempotency key as they were sent; a secret must not be. Who asks
    // again gets another key.
    let call = Call { idempotency: None, ..call.clone() };
    let mut act = app.begin(&call).await?;
    let now = act.now;
    let (secret, hash) = fresh_secret(API_KEY_PREFIX);
    let key = ApiKey {
        id: ApiKeyId::new(now),
        name: name.as_str().to_owned(),
        prefix: secret.chars().take(12).collect(),
        role,
        created_by,
        created_at: now,
        expires_at: now + life.delta(),
        revoked_at: None,
    };
    store::insert_api_key(&mut act, organization, &key, &hash).await?;
    let entry = Entry::new(Event::ApiKeyCreated, key.id).tenant(organization).after(&key);
    act.log(entry.reason("created by an owner"));
    act.finish(Reply::created(&NewApiKey { key, secret })).await
}

/// Revokes an API key, as a person who owns the organization. A revoked one stays so.
///
/// # Errors
/// 403 and 404 for others.
pub async fn revoke_api_key(
    app: &App,
    call: &Call,
    organization: OrganizationId,
    id: ApiKeyId,
) -> Result<Reply, Problem> {
    require_owner(&call.caller, organization)?;
    person(&call.caller)?;
    let mut act = app.begin(call).await?;
    let now = act.now;
    let found = store::api_keys(&mut act, organization, Some(id), None, 1).await?.pop();
    let mut key = found.ok_or_else(|| Problem::not_found("API key", id))?;
    if key.revoked_at.is_none() {
        key.revoked_at = Some(now);
        store::revoke_api_key(&mut act, id, now).await?;
        let entry = Entry::new(Event::ApiKeyRevoked, id).tenant(organization);
        act.log(entry.reason("revoked by an owner"));
    }
    let reply = act.finish(Reply::ok(&key)).await?;
    if !call.dry_run {
        Gate::of(app).end_key(id);
    }
    Ok(reply)
}
