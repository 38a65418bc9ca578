//! Telling, and reading.

use serde_json::json;

use super::store::{self, InboxMessage, Message, Recipient};
use crate::api::{Call, Problem, Reply};
use crate::app::{Act, App};
use crate::db::log::Entry;
use crate::kernel::event::Event;
use crate::kernel::{Actor, Caller, MessageId, StaffRole, Timestamp};

/// Puts `message` into the inbox, in the caller's act.
///
/// # Errors
/// Those of the database.
pub async fn tell(act: &mut Act, message: Message) -> Result<MessageId, Problem> {
    let now = act.now;
    let id = MessageId::new(now);
    store::insert(act, id, &message, now).await?;
    Ok(id)
}

/// Whose inbox a caller sees.
///
/// # Errors
/// 403 for staff of other roles than admin and operations.
pub fn inbox_of(caller: &Caller) -> Result<Recipient, Problem> {
    match (caller.organization(), caller.staff) {
        (Some(organization), _) => Ok(Recipient::Organization(organization)),
        (None, Some(StaffRole::Admin | StaffRole::Operations)) => Ok(Recipient::Staff),
        (None, _) => Err(Problem::forbidden(
            "the staff's inbox is for the roles admin and operations; you see every case and the whole log",
        )),
    }
}

/// Notes that the people of an organization know of the message `id` since now, in the caller's act:
/// they have acted on what it says. The first reading counts.
///
/// # Errors
/// Those of the database.
pub async fn mark_read(act: &mut Act, id: MessageId) -> Result<(), Problem> {
    let (now, Actor::User(user)) = (act.now, act.call.caller.actor) else { return Ok(()) };
    store::set_read(act, id, user, now).await?;
    Ok(())
}

/// Opens a message, as a person of the organization or staff that it is for. The first reading is kept.
///
/// # Errors
/// 403 for an API key, 404 for a message to somebody else.
pub async fn read(app: &App, call: &Call, id: MessageId) -> Result<Reply, Problem> {
    let unknown = || Problem::not_found("message", id);
    let inbox = inbox_of(&call.caller).map_err(|_| unknown())?;
    let mut act = app.begin(call).await?;
    let now = act.now;
    let found = store::locked(&mut act, id, inbox).await?.ok_or_else(unknown)?;
    let Actor::User(user) = call.caller.actor else {
        return Err(Problem::forbidden("a message is for people to read; log in"));
    };
    let mut message: InboxMessage = found;
    let is_first = message.read_at.is_none();
    if is_first {
        let at: Timestamp = now.max(message.created_at);
        store::set_read(&mut act, id, user, at).await?;
        message.read_at = Some(at);
        let after = json!({ "subject": message.subject, "read_at": at });
        let entry = Entry { tenant: inbox.organization(), ..Entry::new(Event::InboxRead, id) };
        act.log(entry.after(after));
    }
    let reply = act.finish(Reply::ok(&message)).await?;
    if is_first && !call.dry_run {
        app.nudge();
    }
    Ok(reply)
}
