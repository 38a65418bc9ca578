//! Whether the server lives, whether it is ready, and what it measures.

use std::net::SocketAddr;
use std::time::Duration;

use axum::Router;
use axum::extract::{ConnectInfo, State};
use axum::http::{HeaderMap, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use metrics_exporter_prometheus::{PrometheusBuilder, PrometheusHandle};

use crate::api::{Problem, Reply};
use crate::app::{App, jobs};

/// `/health/live`, `/health/ready`, `/metrics`.
pub fn routes(app: &App) -> Router<App> {
    let recorder = app.memory(install_recorder);
    Router::new()
        .route(
            "/health/live",
            get(|| async { Reply::ok(&serde_json::json!({ "status": "live" })) }),
        )
        .route("/health/ready", get(ready))
        .route("/metrics", get(move |app, peer, headers| metrics(recorder, app, peer, headers)))
}

/// The process has one recorder; a second server in it (in tests) measures nothing.
fn install_recorder() -> PrometheusHandle {
    let recorder = PrometheusBuilder::new()
        .set_buckets(&[0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0])
        .map(PrometheusBuilder::build_recorder)
        .unwrap_or_else(|_| PrometheusBuilder::new().build_recorder());
    let handle = recorder.handle();
    let _ = metrics::set_global_recorder(recorder);
    handle
}

async fn ready(State(app): State<App>) -> Result<Reply, Problem> {
    let ping = sqlx::query_scalar::<_, i32>("select 1").fetch_one(&app.db);
    match tokio::time::timeout(Duration::from_secs(2), ping).await {
        Ok(Ok(_)) => Ok(Reply::ok(&serde_json::json!({ "status": "ready" }))),
        Ok(Err(error)) => Err(error.into()),
        Err(_) => Err(Problem::unavailable(
            "database_slow",
            "the database does not answer within two seconds",
        )),
    }
}

/// Counts what each reconciler is stuck with. All servers say the same: it is counted in the database.
async fn note_stuck(app: &App) -> sqlx::Result<()> {
    let stuck = jobs::stuck_by_job(&mut *app.db.acquire().await?).await?;
    for job in super::jobs(app.config.sandbox) {
        let count = stuck.iter().find(|(name, _)| name == job.name).map_or(0, |(_, count)| *count);
        metrics::gauge!("leasehold_jobs_stuck", "job" => job.name).set(count as f64);
    }
    Ok(())
}

async fn metrics(
    recorder: std::sync::Arc<PrometheusHandle>,
    State(app): State<App>,
    ConnectInfo(peer): ConnectInfo<SocketAddr>,
    headers: HeaderMap,
) -> Response {
    let given = headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok());
    let given = given.and_then(|value| value.strip_prefix("Bearer "));
    let is_allowed = match &app.config.metrics_token {
        Some(token) => given == Some(token.as_str()),
        None => peer.ip().is_loopback(),
    };
    if !is_allowed {
        return Problem::forbidden(
            "metrics are read from this machine, or with the token of LEASEHOLD_METRICS_TOKEN",
        )
        .into_response();
    }
    metrics::gauge!("leasehold_database_connections").set(app.db.size());
    if let Err(error) = note_stuck(&app).await {
        tracing::warn!(%error, "what is stuck could not be counted");
    }
    recorder.render().into_response()
}
