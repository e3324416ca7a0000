//! Passwords: argon2id with the library's recommended cost, off the async threads.

use std::num::NonZero;
use std::sync::LazyLock;

use argon2::Argon2;
use argon2::password_hash::{PasswordHasher, PasswordVerifier, phc::PasswordHash};
use fithire_kernel::problem::Problem;
use tokio::sync::Semaphore;

/// The shortest password that is taken, in characters; NIST SP 800-63B asks for 8, and 15 where nothing else is.
pub(crate) const SHORTEST: usize = 12;

/// Hashes that are made at once: each takes 19 MB, and more of them than processors make none faster.
static AT_ONCE: LazyLock<Semaphore> =
    LazyLock::new(|| Semaphore::new(std::thread::available_parallelism().map_or(2, NonZero::get)));

/// Runs on a thread of its own, when it is its turn.
async fn in_turn<T: Send + 'static>(run: impl FnOnce() -> T + Send + 'static) -> Result<T, Problem> {
    let turn = AT_ONCE.acquire().await.map_err(|error| Problem::internal(&error))?;
    let done = tokio::task::spawn_blocking(run).await.map_err(|error| Problem::internal(&error));
    drop(turn);
    done
}

/// Verified where there is no account, so that the answer takes as long; what it says then does not count.
static NOBODY: LazyLock<String> = LazyLock::new(|| make("nobody").unwrap_or_default());

fn make(password: &str) -> Result<String, Problem> {
    let hash = Argon2::default().hash_password(password.as_bytes());
    hash.map(|hash| hash.to_string()).map_err(|error| Problem::internal(&error))
}

/// Hashes a password.
pub(crate) async fn hash(password: String) -> Result<String, Problem> {
    in_turn(move || make(&password)).await?
}

/// Whether the password is the one that was hashed; `None` never is, and takes as long.
pub(crate) async fn verify(password: String, hash: Option<String>) -> Result<bool, Problem> {
    in_turn(move || {
        let known = hash.is_some();
        let hash = hash.unwrap_or_else(|| NOBODY.clone());
        let right = PasswordHash::new(&hash)
            .is_ok_and(|hash| Argon2::default().verify_password(password.as_bytes(), &hash).is_ok());
        known && right
    })
    .await
}
