//! Content hashes: SHA-256, in lower-case hexadecimal.

use std::fmt::Write as _;

use sha2::{Digest, Sha256};

/// SHA-256 over the parts, each preceded by its length so that no two lists of parts collide.
pub(crate) fn sha256(parts: &[&[u8]]) -> String {
    let mut hasher = Sha256::new();
    for part in parts {
        hasher.update((part.len() as u64).to_be_bytes());
        hasher.update(part);
    }
    let mut hex = String::with_capacity(64);
    for byte in hasher.finalize() {
        // Writing to a string cannot fail.
        let _ = write!(hex, "{byte:02x}");
    }
    hex
}
