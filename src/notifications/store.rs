//! SQL on `inbox_messages`.

use chrono::{DateTime, Utc};
use serde::Serialize;
use sqlx::PgConnection;
use utoipa::ToSchema;
use uuid::Uuid;

use crate::kernel::event::Event;
use crate::kernel::{MessageId, OrganizationId, Timestamp, UserId};

/// Whose inbox it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Recipient {
    Organization(OrganizationId),
    /// The staff of the marketplace: its admins and operations.
    Staff,
}

impl From<OrganizationId> for Recipient {
    fn from(id: OrganizationId) -> Recipient {
        Recipient::Organization(id)
    }
}

impl Recipient {
    /// The organization; `None` for staff.
    pub fn organization(self) -> Option<OrganizationId> {
        match self {
            Recipient::Organization(id) => Some(id),
            Recipient::Staff => None,
        }
    }
}

/// Something to tell.
#[derive(Debug, Clone)]
pub struct Message {
    pub to: Recipient,
    /// What happened: `reclaim.served`.
    pub kind: Event,
    /// The id of what it is about.
    pub subject: String,
    /// One line of at most 200 characters.
    pub title: String,
    pub body: String,
}

/// A message in an inbox.
#[derive(Debug, Clone, Serialize, ToSchema)]
#[schema(as = InboxMessage)]
pub struct InboxMessage {
    pub id: MessageId,
    /// What happened: `reclaim.served`.
    pub kind: String,
    /// The id of what it is about.
    pub subject: String,
    /// One line.
    pub title: String,
    pub body: String,
    pub created_at: DateTime<Utc>,
    /// A person of the organization, or of staff, opened it first then.
    pub read_at: Option<DateTime<Utc>>,
}

macro_rules! select_messages {
    ($rest:tt $(, $argument:expr)*) => {
        sqlx::query_as!(
            InboxMessage,
            r#"select id as "id: MessageId", kind, subject, title, body, created_at, read_at
               from inbox_messages "# + $rest
            $(, $argument)*
        )
    };
}

/// Keeps a message.
pub async fn insert(
    connection: &mut PgConnection,
    id: MessageId,
    message: &Message,
    now: Timestamp,
) -> sqlx::Result<()> {
    sqlx::query!(
        "insert into inbox_messages (id, organization_id, kind, subject, title, body, created_at)
         values ($1, $2, $3, $4, $5, $6, $7)",
        id.0,
        message.to.organization().map(|id| id.0),
        message.kind.as_str(),
        message.subject,
        message.title,
        message.body,
        now,
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// The message `id` in the inbox `of`, locked until the transaction ends.
pub async fn locked(
    connection: &mut PgConnection,
    id: MessageId,
    of: Recipient,
) -> sqlx::Result<Option<InboxMessage>> {
    select_messages!(
        "where id = $1 and organization_id is not distinct from $2 for update",
        id.0,
        of.organization().map(|id| id.0)
    )
    .fetch_optional(connection)
    .await
}

/// The messages in the inbox `of`, newest first.
pub async fn list(
    connection: &mut PgConnection,
    of: Recipient,
    only_unread: bool,
    after: Option<Uuid>,
    limit: i64,
) -> sqlx::Result<Vec<InboxMessage>> {
    // Two statements: a comparison that also finds null would not use the index.
    match of {
        Recipient::Organization(organization) => {
            let messages = select_messages!(
                "where organization_id = $1 and ($2 or read_at is null) and ($3::uuid is null or id < $3)
                 order by id desc limit $4",
                organization.0,
                !only_unread,
                after,
                limit
            );
            messages.fetch_all(connection).await
        }
        Recipient::Staff => {
            let messages = select_messages!(
                "where organization_id is null and ($1 or read_at is null) and ($2::uuid is null or id < $2)
                 order by id desc limit $3",
                !only_unread,
                after,
                limit
            );
            messages.fetch_all(connection).await
        }
    }
}

/// Keeps the first reading of a message.
pub async fn set_read(
    connection: &mut PgConnection,
    id: MessageId,
    by: UserId,
    at: Timestamp,
) -> sqlx::Result<()> {
    sqlx::query!(
        "update inbox_messages set read_at = greatest($3, created_at), read_by = $2
         where id = $1 and read_at is null",
        id.0,
        by.0,
        at,
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// Which of `messages` have been read, and when first.
///
/// # Errors
/// Those of the database.
pub async fn readings(
    connection: &mut PgConnection,
    messages: &[MessageId],
) -> sqlx::Result<Vec<(MessageId, Timestamp)>> {
    let ids: Vec<Uuid> = messages.iter().map(|id| id.0).collect();
    let rows = sqlx::query!(
        r#"select id as "id: MessageId", read_at as "read_at!" from inbox_messages
           where id = any($1) and read_at is not null"#,
        &ids
    )
    .fetch_all(connection)
    .await?;
    Ok(rows.into_iter().map(|row| (row.id, row.read_at)).collect())
}
