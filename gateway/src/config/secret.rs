//! What must be known to be let in.

use std::fmt;

use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;

/// A secret that can be checked and not be shown: only its digest is kept.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Secret {
    digest: [u8; 32],
}

// === impl Secret ===

impl Secret {
    /// Takes what a header can hold as one word. The error does not tell what was given.
    pub(super) fn new(text: &str) -> Result<Self, String> {
        if text.is_empty() {
            return Err("the token is empty; without the key there is none".to_owned());
        }
        if !text.bytes().all(|byte| byte.is_ascii_graphic()) {
            return Err("a token is letters, digits and other visible ASCII characters, without spaces".to_owned());
        }
        Ok(Self { digest: digest(text) })
    }

    /// Whether this is the secret. How long it takes to tell depends on the length of `given` alone.
    pub(crate) fn is(&self, given: &str) -> bool {
        self.digest.ct_eq(&digest(given)).into()
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Secret")
    }
}

fn digest(text: &str) -> [u8; 32] {
    Sha256::digest(text.as_bytes()).into()
}
