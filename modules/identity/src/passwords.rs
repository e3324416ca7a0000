//! Passwords: argon2id with the library's recommended cost, off the async threads.

use std::sync::LazyLock;

use argon2::Argon2;
use argon2::password_hash::{PasswordHasher, PasswordVerifier, phc::PasswordHash};
use fithire_kernel::problem::Problem;

/// The shortest password that is taken, in characters; NIST SP 800-63B asks for 8, and 15 where nothing else is.
pub(crate) const SHORTEST: usize = 12;

/// Verified where there is no account, so that the answer takes as long; what it says then does not count.
static NOBODY: LazyLock<String> = LazyLock::new(|| make("nobody").unwrap_or_default());

fn make(password: &str) -> Result<String, Problem> {
    let hash = Argon2::default().hash_password(password.as_bytes());
    hash.map(|hash| hash.to_string()).map_err(|error| Problem::internal(&error))
}

/// Hashes a password.
pub(crate) async fn hash(password: String) -> Result<String, Problem> {
    tokio::task::spawn_blocking(move || make(&password)).await.map_err(|error| Problem::internal(&error))?
}

/// Whether the password is the one that was hashed; `None` never is, and takes as long.
pub(crate) async fn verify(password: String, hash: Option<String>) -> Result<bool, Problem> {
    let verified = tokio::task::spawn_blocking(move || {
        let known = hash.is_some();
        let hash = hash.unwrap_or_else(|| NOBODY.clone());
        let right = PasswordHash::new(&hash)
            .is_ok_and(|hash| Argon2::default().verify_password(password.as_bytes(), &hash).is_ok());
        known && right
    });
    verified.await.map_err(|error| Problem::internal(&error))
}
