//! Content hashes: SHA-256, in lower-case hexadecimal.

use sha2::{Digest, Sha256};

/// SHA-256 of the parts one after the other.
pub(crate) fn sha256_bytes(parts: &[&[u8]]) -> [u8; 32] {
    let mut hasher = Sha256::new();
    for part in parts {
        hasher.update(part);
    }
    hasher.finalize().into()
}

/// The same as text: what `cat PARTS | sha256sum` prints.
pub(crate) fn sha256(parts: &[&[u8]]) -> String {
    let digit = |half: u8| char::from(b"0123456789abcdef"[usize::from(half)]);
    sha256_bytes(parts).iter().flat_map(|byte| [digit(byte >> 4), digit(byte & 15)]).collect()
}
