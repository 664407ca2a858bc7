//! The last valid token of a connection. Most clients send the same token with each request, so it need not be looked
//! up again.

use std::sync::Arc;

use http::HeaderValue;
use parking_lot::{Mutex, MutexGuard};
use subtle::ConstantTimeEq as _;
use tokio::sync::watch;

use super::keyring::StoredToken;
use crate::access::caller::Caller;

/// The last valid token that a connection sent. It is dropped with the connection.
#[derive(Default)]
pub(crate) struct RecentToken(Mutex<Option<SeenToken>>);

/// A value of `Authorization` and its caller.
pub(super) struct SeenToken {
    pub(super) value: HeaderValue,
    pub(super) caller: Caller,
    /// `None` for the initial admin token, which is valid as long as the host runs.
    pub(super) held: Option<Arc<StoredToken>>,
    /// Reports changes of tokens since before the lookup.
    pub(super) changed: watch::Receiver<()>,
}

impl RecentToken {
    /// Returns the caller if the value is the stored one and the token is still valid.
    pub(super) fn caller(&self, value: &HeaderValue, now_ms: u64) -> Option<Caller> {
        let last = self.last();
        let seen = last.as_ref().filter(|seen| is_same(seen.value.as_bytes(), value.as_bytes()))?;
        let is_valid = seen.held.as_ref().is_none_or(|held| held.is_valid(now_ms));
        if !is_valid || seen.changed.has_changed().unwrap_or(true) {
            return None;
        }
        seen.held.iter().for_each(|held| held.used(now_ms));
        Some(seen.caller.clone())
    }

    /// Stores a token that was looked up.
    pub(super) fn keep(&self, seen: SeenToken) {
        *self.last() = Some(seen);
    }

    fn last(&self) -> MutexGuard<'_, Option<SeenToken>> {
        self.0.lock()
    }
}

impl std::fmt::Debug for RecentToken {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("RecentToken")
    }
}

/// Compares texts in constant time: clients that share a connection through a proxy may not trust each other.
fn is_same(one: &[u8], other: &[u8]) -> bool {
    let ((words, rest), (other_words, other_rest)) = (one.as_chunks::<8>(), other.as_chunks::<8>());
    if (words.len(), rest.len()) != (other_words.len(), other_rest.len()) {
        return false;
    }
    let differs = words
        .iter()
        .zip(other_words)
        .fold(0, |differs, (word, other)| differs | (u64::from_ne_bytes(*word) ^ u64::from_ne_bytes(*other)));
    bool::from(differs.ct_eq(&0) & rest.ct_eq(other_rest))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_that_differ_anywhere_are_not_equal() {
        let text = b"Bearer dph_0123456789";
        assert!(is_same(text, text) && is_same(b"", b""));
        for at in 0..text.len() {
            let mut other = text.to_vec();
            other[at] ^= 1;
            assert!(!is_same(text, &other), "{at}");
            assert!(!is_same(text, &text[..at]), "{at}");
        }
    }
}
