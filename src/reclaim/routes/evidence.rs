//! `/v1/reclaim-cases/{id}/evidence`

use axum::body::{Body, Bytes};
use axum::extract::{DefaultBodyLimit, State};
use axum::http::{HeaderName, header};
use axum::response::{IntoResponse, Response};
use chrono::{DateTime, Utc};
use serde::Deserialize;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::api::call::{Id, Ids, WriteChunks};
use crate::api::problem::Refused;
use crate::api::{Call, Problem, Reply, Write};
use crate::app::App;
use crate::kernel::time::is_in_calendar;
use crate::kernel::{EvidenceId, Name, Reason, ReclaimCaseId, Sha256};
use crate::reclaim::actions::{self, MAX_FILE, NewEvidence};
use crate::reclaim::views::CaseView;

pub fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new().routes(routes!(add_reclaim_evidence)).merge(
        OpenApiRouter::new()
            .routes(routes!(upload_reclaim_evidence, download_reclaim_evidence))
            // A byte more, so that what is too large is told so.
            .layer(DefaultBodyLimit::max(MAX_FILE + 1)),
    )
}

/// A piece of evidence, by its hash. The file itself may follow, at `…/evidence/{id}/file`.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct EvidenceBody {
    /// SHA-256 of its bytes.
    sha256: Sha256,
    /// Where it comes from.
    source: Name,
    /// When it was observed.
    observed_at: DateTime<Utc>,
    /// What it shows.
    note: Option<Reason>,
}

/// Add a piece of evidence: the initiating side to a draft, the other side once it is served
#[utoipa::path(post, path = "/v1/reclaim-cases/{id}/evidence", tag = "reclaim",
    params(("id" = ReclaimCaseId, Path)), request_body = EvidenceBody,
    responses((status = 200, body = CaseView), (status = "4XX", body = Refused)))]
async fn add_reclaim_evidence(
    State(app): State<App>,
    Id(id): Id<ReclaimCaseId>,
    Write { call, body }: Write<EvidenceBody>,
) -> Result<Reply, Problem> {
    if !is_in_calendar(body.observed_at) {
        return Err(Problem::field("observed_at", "it lies outside the years 1970 to 2199"));
    }
    let new = NewEvidence {
        sha256: body.sha256,
        source: body.source,
        observed_at: body.observed_at,
        note: body.note,
    };
    Ok(actions::add_evidence(&app, call, id, new).await?)
}

/// Hand in the file of a piece of evidence, at most 10 MiB of whatever it is
///
/// It must have the SHA-256 that the evidence was added with; otherwise nothing is kept.
#[utoipa::path(post, path = "/v1/reclaim-cases/{id}/evidence/{evidence_id}/file", tag = "reclaim",
    params(("id" = ReclaimCaseId, Path), ("evidence_id" = EvidenceId, Path)),
    request_body(content = Vec<u8>, content_type = "application/octet-stream"),
    responses((status = 200, body = CaseView), (status = "4XX", body = Refused)))]
async fn upload_reclaim_evidence(
    State(app): State<App>,
    Ids(id, evidence): Ids<ReclaimCaseId, EvidenceId>,
    WriteChunks { call, chunks }: WriteChunks,
) -> Result<Reply, Problem> {
    Ok(actions::upload(&app, call, id, evidence, chunks).await?)
}

/// The file of a piece of evidence, to be saved; nothing that anybody handed in is ever shown or run
#[utoipa::path(get, path = "/v1/reclaim-cases/{id}/evidence/{evidence_id}/file", tag = "reclaim",
    params(("id" = ReclaimCaseId, Path), ("evidence_id" = EvidenceId, Path)),
    responses((status = 200, body = Vec<u8>, content_type = "application/octet-stream"),
        (status = "4XX", body = Refused)))]
async fn download_reclaim_evidence(
    State(app): State<App>,
    call: Call,
    Ids(id, evidence): Ids<ReclaimCaseId, EvidenceId>,
) -> Result<Response, Problem> {
    let (sha256, upload, size) = actions::file(&app, &call, id, evidence).await?;
    let chunks = futures::stream::try_unfold(0, move |number: i32| {
        let app = app.clone();
        async move {
            let chunk = actions::chunk(&app, upload, number).await?;
            Ok::<_, sqlx::Error>(chunk.map(|bytes| (Bytes::from(bytes), number + 1)))
        }
    });
    let headers = [
        (header::CONTENT_TYPE, "application/octet-stream".to_owned()),
        (header::CONTENT_LENGTH, size.to_string()),
        (header::CONTENT_DISPOSITION, format!("attachment; filename=\"{evidence}\"")),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff".to_owned()),
        (header::CONTENT_SECURITY_POLICY, "default-src 'none'; sandbox".to_owned()),
        (HeaderName::from_static("x-content-sha256"), sha256.to_string()),
    ];
    Ok((headers, Body::from_stream(chunks)).into_response())
}
