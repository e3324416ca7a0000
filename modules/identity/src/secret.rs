//! Secrets of cookies, and what is derived from them.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use p256::elliptic_curve::rand_core::{OsRng, RngCore as _};
use sha2::{Digest, Sha256};

/// 256 bits from the operating system, for what nobody may guess.
#[must_use]
pub fn random() -> String {
    let mut bytes = [0; 32];
    OsRng.fill_bytes(&mut bytes);
    URL_SAFE_NO_PAD.encode(bytes)
}

/// What is kept of a secret.
pub(crate) fn hash(secret: &str) -> String {
    digest("secret", secret)
}

/// What the forms of a page carry: it follows from the secret in the cookie, which no other site can read. Each page has
/// another one, so that nobody learns it from the lengths of many compressed pages.
pub(crate) fn form_token(secret: &str) -> String {
    let mut salt = [0; 12];
    OsRng.fill_bytes(&mut salt);
    salted(&URL_SAFE_NO_PAD.encode(salt), secret)
}

fn salted(salt: &str, secret: &str) -> String {
    format!("{salt}.{}", digest("form", &format!("{salt}.{secret}")))
}

/// Whether a form came from a page that knew the secret.
pub(crate) fn is_form_token(sent: &str, secret: &str) -> bool {
    sent.split_once('.').is_some_and(|(salt, _)| same(sent, &salted(salt, secret)))
}

/// A text that only someone with the secret can have written.
pub(crate) fn sealed(text: &str, secret: &str) -> String {
    let text = URL_SAFE_NO_PAD.encode(text);
    let seal = digest("seal", &format!("{text}.{secret}"));
    format!("{text}.{seal}")
}

/// The text that was sealed with the secret.
pub(crate) fn opened(sealed_text: &str, secret: &str) -> Option<String> {
    let (text, seal) = sealed_text.split_once('.')?;
    let right = same(seal, &digest("seal", &format!("{text}.{secret}")));
    String::from_utf8(URL_SAFE_NO_PAD.decode(text).ok().filter(|_| right)?).ok()
}

/// Proves, of a text, that whoever has it was given it by somebody with the secret.
#[must_use]
pub fn proof(text: &str, secret: &str) -> String {
    digest("proof", &format!("{text}.{secret}"))
}

/// Whether two secrets are the same. Digests are compared, so that time tells nothing.
#[must_use]
pub fn same(sent: &str, right: &str) -> bool {
    digest("same", sent) == digest("same", right)
}

fn digest(what: &str, text: &str) -> String {
    URL_SAFE_NO_PAD.encode(Sha256::digest(format!("{what}:{text}")))
}
