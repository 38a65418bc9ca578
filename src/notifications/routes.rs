//! `/v1/inbox`

use axum::extract::State;
use serde::Deserialize;
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::actions;
use super::store::{self, InboxMessage};
use crate::api::call::Id;
use crate::api::problem::Refused;
use crate::api::{Call, List, Page, Params, Problem, Reply, Write};
use crate::app::App;
use crate::kernel::MessageId;

/// The routes of this slice.
pub fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new().routes(routes!(list_inbox)).routes(routes!(read_inbox_message))
}

#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
struct InboxFilter {
    /// Only what nobody has read.
    #[serde(default)]
    unread: bool,
}

/// What your organization was told, newest first; for staff, what the server told its admins and operations
///
/// Looking at the list reads nothing; `POST /v1/inbox/{id}/read` does.
#[utoipa::path(get, path = "/v1/inbox", tag = "inbox", params(InboxFilter, Page),
    responses((status = 200, body = List<Headline>), (status = "4XX", body = Refused)))]
async fn list_inbox(
    State(app): State<App>,
    call: Call,
    Params(filter): Params<InboxFilter>,
    Params(page): Params<Page>,
) -> Result<Reply, Problem> {
    let inbox = actions::inbox_of(&call.caller)?;
    let (limit, after) = (page.fetch()?, page.after()?);
    let mut connection = app.db.acquire().await?;
    let messages = store::list(&mut connection, inbox, filter.unread, after, limit).await?;
    let headlines = messages.into_iter().map(Headline::from).collect();
    Ok(Reply::ok(&List::new(headlines, &page, |message: &Headline| message.id.0)))
}

/// A message in the list: all but its body.
#[derive(Debug, Clone, serde::Serialize, ToSchema)]
struct Headline {
    id: MessageId,
    /// What happened: `reclaim.served`.
    kind: String,
    /// The id of what it is about.
    subject: String,
    /// One line.
    title: String,
    created_at: chrono::DateTime<chrono::Utc>,
    /// A person of the organization, or of staff, opened it first then.
    read_at: Option<chrono::DateTime<chrono::Utc>>,
}

impl From<InboxMessage> for Headline {
    fn from(message: InboxMessage) -> Headline {
        Headline {
            id: message.id,
            kind: message.kind,
            subject: message.subject,
            title: message.title,
            created_at: message.created_at,
            read_at: message.read_at,
        }
    }
}

/// Nothing needs to be said.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct ReadBody {}

/// Open a message, as a person
///
/// The first opening is kept as proof that it arrived: the window of a reclaim notice begins with it.
#[utoipa::path(post, path = "/v1/inbox/{id}/read", tag = "inbox",
    params(("id" = MessageId, Path)), request_body = ReadBody,
    responses((status = 200, body = InboxMessage), (status = "4XX", body = Refused)))]
async fn read_inbox_message(
    State(app): State<App>,
    Id(id): Id<MessageId>,
    Write { call, body: ReadBody {} }: Write<ReadBody>,
) -> Result<Reply, Problem> {
    actions::read(&app, &call, id).await
}
