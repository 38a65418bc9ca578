//! The one place that lists the slices: their routes, their reconcilers, and the server around them.

mod health;
mod http;
mod kept;
mod sandbox;
mod stuck;
mod web;

use std::future::IntoFuture;

use futures::FutureExt;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use utoipa::OpenApi;
use utoipa_axum::router::OpenApiRouter;

use http::BearerScheme;
pub use http::service as http_service;

use crate::api::Problem;
use crate::app::{App, Job};
use crate::{accounts, audit, capacity, leases, notifications, quotas, reclaim, supply};

#[derive(OpenApi)]
#[openapi(
    info(
        title = "Leasehold",
        description = "The ledger between those who own compute and those who rent it.",
        license(name = "Apache-2.0")
    ),
    components(schemas(crate::api::problem::Refused)),
    security((), ("bearer" = [])),
    modifiers(&BearerScheme),
)]
struct Document;

/// Every route of every slice with its description; the sandbox's clock only where there is one.
pub fn routes(with_sandbox: bool) -> OpenApiRouter<App> {
    let mut router = OpenApiRouter::with_openapi(Document::openapi())
        .merge(accounts::routes())
        .merge(supply::routes())
        .merge(quotas::routes(leases::read_holdings))
        .merge(leases::routes())
        .merge(reclaim::routes())
        .merge(notifications::routes())
        .merge(audit::routes());
    if with_sandbox {
        router = router.merge(sandbox::routes());
    }
    router
}

/// Every reconciler of every slice.
pub fn jobs(with_sandbox: bool) -> Vec<Job> {
    // Deadlines of reclaim cases come before ends of leases: when both have passed, the case was first.
    let mut jobs = [
        accounts::jobs(),
        capacity::jobs(),
        quotas::jobs(),
        reclaim::jobs(),
        leases::jobs(),
        audit::jobs(),
    ]
    .concat();
    jobs.extend(kept::jobs());
    // Last, so that what got stuck in this turn is told in it.
    jobs.extend(stuck::jobs());
    if with_sandbox {
        jobs.extend(sandbox::jobs());
    }
    jobs
}

/// The description of the whole interface, sandbox included.
pub fn openapi() -> utoipa::openapi::OpenApi {
    routes(true).split_for_parts().1
}

/// Runs every reconciler until nothing is due: what time would do, now. One that fails does not keep the
/// others from running.
///
/// # Errors
/// Returns the error of the first reconciler that failed as a whole.
pub async fn run_due(app: &App) -> Result<(), Problem> {
    let mut first = None;
    for job in jobs(false) {
        if let Err(problem) = job.run_until_idle(app).await {
            failed(job, &problem);
            first.get_or_insert(problem);
        }
    }
    first.map_or(Ok(()), Err)
}

fn failed(job: Job, problem: &Problem) {
    tracing::warn!(
        job = job.name,
        code = problem.code(),
        %problem,
        "the job failed; it will try again"
    );
}

/// Serves `app` on `listener` until `stop` is cancelled, then finishes what is running.
///
/// # Errors
/// Those of the listener.
pub async fn serve(
    app: App,
    listener: tokio::net::TcpListener,
    stop: CancellationToken,
) -> anyhow::Result<()> {
    let loaded = supply::load_catalogue(&app).await;
    loaded.map_err(|problem| anyhow::anyhow!("the catalogue: {problem}"))?;
    let background = TaskTracker::new();
    for job in jobs(app.config.sandbox) {
        background.spawn(keep_running(job, app.clone(), stop.clone()));
    }
    background.spawn(capacity::warm_up(app.clone()).boxed());
    background.close();
    let service = http::service(app).into_make_service_with_connect_info::<std::net::SocketAddr>();
    let graceful =
        axum::serve(listener, service).with_graceful_shutdown(stop.clone().cancelled_owned());
    let mut serving = std::pin::pin!(graceful.into_future());
    tokio::select! {
        done = &mut serving => done?,
        () = stop.cancelled() => {
            // Idle connections must not keep the server from ending.
            tokio::time::timeout(std::time::Duration::from_secs(10), serving).await.unwrap_or(Ok(()))?;
        }
    }
    stop.cancel();
    let _ = tokio::time::timeout(std::time::Duration::from_secs(10), background.wait()).await;
    Ok(())
}

async fn keep_running(job: Job, app: App, stop: CancellationToken) {
    while !stop.is_cancelled() {
        match job.run_until_idle(&app).await {
            Ok(0) => {}
            Ok(done) => tracing::debug!(job = job.name, done, "did what was due"),
            Err(problem) => failed(job, &problem),
        }
        tokio::select! {
            () = tokio::time::sleep(job.every) => {}
            () = app.nudged() => {}
            () = stop.cancelled() => {}
        }
    }
}
