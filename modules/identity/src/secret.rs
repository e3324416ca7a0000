//! Secrets of cookies, and what is derived from them.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use p256::elliptic_curve::rand_core::{OsRng, RngCore as _};
use sha2::{Digest, Sha256};

/// 256 bits from the operating system.
pub(crate) fn random() -> String {
    let mut bytes = [0; 32];
    OsRng.fill_bytes(&mut bytes);
    URL_SAFE_NO_PAD.encode(bytes)
}

/// What is kept of a secret.
pub(crate) fn hash(secret: &str) -> String {
    digest("secret", secret)
}

/// What the forms of a page carry: it follows from the secret in the cookie, which no other site can read.
pub(crate) fn form_token(secret: &str) -> String {
    digest("form", secret)
}

/// Whether a form came from a page that knew the secret. Digests are compared, so that time tells nothing.
pub(crate) fn is_form_token(sent: &str, secret: &str) -> bool {
    digest("same", sent) == digest("same", &form_token(secret))
}

fn digest(what: &str, text: &str) -> String {
    URL_SAFE_NO_PAD.encode(Sha256::digest(format!("{what}:{text}")))
}
