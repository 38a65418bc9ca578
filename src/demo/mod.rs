//! The demo market: real clusters and prices as figures, an invented story of half a year.
//!
//! It is made through the interface, like everything else: the server runs on a loopback port with a
//! clock that stands half a year back, and moves from one event of the story to the next until it
//! shows today. What the demo holds is therefore what could have happened.
//!
//! An organization that registers last, and waits for its verification, marks the demo as complete.

mod figures;
mod player;
mod story;
mod terms;

use anyhow::{Context, bail};
use chrono::TimeDelta;
use sqlx::postgres::PgConnectOptions;
use tokio_util::sync::CancellationToken;

use crate::app::App;
use crate::config::Config;
use crate::kernel::Clock;
use crate::{db, wiring};
use player::Player;

/// The password of every user of the demo.
pub const PASSWORD: &str = "leasehold-demo";

/// E-mail addresses to log in with, and as whom.
pub const LOG_INS: [(&str, &str); 6] = [
    ("tenant@demo.example", "owner of the tenant Northwind Models"),
    ("provider@demo.example", "owner of the provider xAI, which lists Colossus 1"),
    ("admin@demo.example", "staff of the marketplace, administers it"),
    ("admin2@demo.example", "staff, a second admin, for what takes two"),
    ("legal@demo.example", "staff, approves for the legal side"),
    ("operations@demo.example", "staff, approves for operations"),
];

/// How long before today the story begins.
const BEGINNING: TimeDelta = TimeDelta::days(180);

/// What [`load`] found or did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    Loaded,
    WasThere,
}

/// Makes the demo market in the database at `options`, unless it is there.
///
/// # Errors
/// When the database holds a part of it, or something else stands in its way.
pub async fn load(options: &PgConnectOptions, config: &Config) -> anyhow::Result<Outcome> {
    db::migrate(options).await?;
    let config = Config {
        listen: ([127, 0, 0, 1], 0).into(),
        sandbox: false,
        rate_limit: 0,
        login_rate_limit: 0,
        ..config.clone()
    };
    let clock = Clock::default();
    let pool = db::pool(options.clone(), config.database_connections);
    let listener = tokio::net::TcpListener::bind(config.listen).await?;
    let server = format!("http://{}", listener.local_addr()?);
    let app = App::new(pool, clock.clone(), config);

    let today = clock.now();
    clock.set_offset_us(-BEGINNING.num_microseconds().unwrap_or(0));
    let stop = CancellationToken::new();
    let serving = tokio::spawn(wiring::serve(app.clone(), listener, stop.clone()));
    let told = tell(Player::new(app, server, today)?).await;
    stop.cancel();
    serving.await.context("the demo's server panicked")??;
    told
}

async fn tell(mut player: Player) -> anyhow::Result<Outcome> {
    match player.found().await? {
        player::Found::Nothing => {}
        player::Found::Everything => return Ok(Outcome::WasThere),
        player::Found::Part => bail!(
            "the demo data is there in part; load it into an empty database (or data directory)"
        ),
    }
    player.appoint_staff().await?;
    player.list_clusters().await?;
    player.list_replay_yard().await?;
    player.register_tenants().await?;
    // This one has expired long before today.
    player.quote_kansas(-175).await?;
    player.play(story::BOOKINGS).await?;
    player.quote_kansas(5).await?;
    player.quote_colossus().await?;
    player.keep_quotas().await?;
    player.register_last().await?;
    Ok(Outcome::Loaded)
}
