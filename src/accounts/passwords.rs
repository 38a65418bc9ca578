//! Passwords: argon2id with the parameters of its crate's default (19 MiB, two passes), off the threads
//! that serve, few at a time, so that a rush of log-ins costs time and not memory.

use std::sync::{Arc, LazyLock};
use std::time::Duration;

use argon2::Argon2;
use argon2::password_hash::phc::PasswordHash;
use argon2::password_hash::{PasswordHasher, PasswordVerifier};
use tokio::sync::Semaphore;

use super::rules::Password;
use crate::api::Problem;

/// One for each processor, at most four: each takes 19 MiB.
static AT_ONCE: LazyLock<Arc<Semaphore>> = LazyLock::new(|| {
    let processors = std::thread::available_parallelism().map_or(1, usize::from);
    Arc::new(Semaphore::new(processors.min(4)))
});

/// The hash of a password that nobody has, checked where there is no user.
static NOBODYS: LazyLock<String> =
    LazyLock::new(|| hash_now(&rand::random::<u128>().to_string()).unwrap_or_default());

/// The PHC string of `password`.
///
/// # Errors
/// 503 if too many others are being hashed.
pub async fn hash(password: Password) -> Result<String, Problem> {
    off_thread(move || hash_now(password.as_str())).await?.map_err(Problem::internal)
}

/// Whether `password` is the one behind `hash`. Without a hash it takes as long and is wrong.
///
/// # Errors
/// 503 if too many others are being hashed.
pub async fn is_right(password: String, hash: Option<String>) -> Result<bool, Problem> {
    off_thread(move || {
        let is_somebody = hash.is_some();
        let hash = hash.as_deref().unwrap_or(&NOBODYS);
        let is_match = PasswordHash::new(hash).is_ok_and(|hash| {
            Argon2::default().verify_password(password.as_bytes(), &hash).is_ok()
        });
        is_match && is_somebody
    })
    .await
}

fn hash_now(password: &str) -> Result<String, argon2::password_hash::Error> {
    Argon2::default().hash_password(password.as_bytes()).map(|hash| hash.to_string())
}

async fn off_thread<T: Send + 'static>(
    work: impl FnOnce() -> T + Send + 'static,
) -> Result<T, Problem> {
    let permit = tokio::time::timeout(Duration::from_secs(10), AT_ONCE.clone().acquire_owned());
    let Ok(Ok(permit)) = permit.await else {
        return Err(Problem::unavailable(
            "too_many_log_ins",
            "more people log in right now than the server can check; try again in a moment",
        ));
    };
    let worked = tokio::task::spawn_blocking(move || {
        let _permit = permit;
        work()
    });
    worked.await.map_err(Problem::internal)
}
