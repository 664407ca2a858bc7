//! Tokens and users in memory, as stored on disk.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use host_core::access::Name;
use host_core::{Digest, Principal};
use host_state::{Accounts, TokenRecord, UserRecord};
use parking_lot::{RwLock, RwLockReadGuard, RwLockWriteGuard};
use tokio::sync::watch;

use crate::access::initial_admin_token::{PREFIX, is_same};

/// Numbers of hexadecimal digits of a token's id and secret.
pub(crate) const N_ID: usize = 8;
const N_SECRET: usize = 64;

/// All tokens and users.
#[derive(Default)]
pub(crate) struct Keyring {
    tokens: RwLock<HashMap<[u8; N_ID], Arc<StoredToken>>>,
    users: RwLock<BTreeMap<Name, UserRecord>>,
    /// Notified when tokens are changed or removed.
    changed: watch::Sender<()>,
}

/// A token in memory.
pub(crate) struct StoredToken {
    pub(crate) record: TokenRecord,
    pub(crate) principal: Arc<Principal>,
    pub(crate) id: Arc<str>,
    /// Time of the last use in milliseconds since 1970; 0 for never.
    last_used: AtomicU64,
    /// The last-used time that is on disk.
    written: AtomicU64,
}

impl StoredToken {
    fn new(record: TokenRecord) -> StoredToken {
        let principal = Arc::new(Principal { name: record.name.clone(), rights: record.rights.clone() });
        let used = record.last_used_unix_ms.unwrap_or_default();
        StoredToken { id: record.id.as_str().into(), principal, last_used: used.into(), written: used.into(), record }
    }

    /// Returns the time of the last use.
    pub(crate) fn last_used_unix_ms(&self) -> Option<u64> {
        Some(self.last_used.load(Ordering::Relaxed)).filter(|used| *used > 0)
    }

    /// Records a use.
    pub(super) fn used(&self, now_ms: u64) {
        // Avoids contention: concurrent requests only write when the time has advanced.
        if self.last_used.load(Ordering::Relaxed) < now_ms {
            self.last_used.fetch_max(now_ms, Ordering::Relaxed);
        }
    }

    pub(crate) fn is_expired(&self, now_ms: u64) -> bool {
        self.record.expires_unix_ms.is_some_and(|expires| expires <= now_ms)
    }

    pub(crate) fn is_valid(&self, now_ms: u64) -> bool {
        self.record.revoked_unix_ms.is_none() && !self.is_expired(now_ms)
    }

    fn now(&self) -> TokenRecord {
        TokenRecord { last_used_unix_ms: self.last_used_unix_ms(), ..self.record.clone() }
    }
}

impl Keyring {
    pub(crate) fn new(accounts: Accounts) -> Keyring {
        let keyring = Keyring::default();
        accounts.tokens.into_iter().for_each(|token| keyring.put_token(token));
        *keyring.users_mut() = accounts.users.into_iter().map(|user| (user.name.clone(), user)).collect();
        keyring
    }

    /// Returns the valid token with this text. A wrong secret and an unknown id take the same time.
    pub(crate) fn find(&self, token: &[u8], now_ms: u64) -> Option<Arc<StoredToken>> {
        let rest = token.strip_prefix(PREFIX.as_bytes())?;
        let (id, secret) = rest.split_first_chunk::<N_ID>()?;
        let secret = secret.strip_prefix(b"_").filter(|secret| secret.len() == N_SECRET)?;
        let digest = Digest::compute(secret);
        let held = self.tokens().get(id).cloned();
        // For an unknown id the same comparison is computed, so that the time does not reveal which ids exist.
        let is_right = is_same(&digest, held.as_ref().map_or(&digest, |held| &held.record.secret));
        let held = held.filter(|held| is_right && held.is_valid(now_ms))?;
        held.used(now_ms);
        Some(held)
    }

    /// Returns the token with this id, valid or not.
    pub(crate) fn token(&self, id: &str) -> Option<Arc<StoredToken>> {
        self.tokens().get(key(id).as_slice()).cloned()
    }

    /// Returns a receiver that is notified of changes from now on.
    pub(crate) fn watch(&self) -> watch::Receiver<()> {
        self.changed.subscribe()
    }

    /// Returns all tokens, oldest first.
    pub(crate) fn all(&self) -> Vec<Arc<StoredToken>> {
        let mut all: Vec<_> = self.tokens().values().cloned().collect();
        all.sort_by(|a, b| {
            let at = |held: &StoredToken| held.record.created_unix_ms;
            at(a).cmp(&at(b)).then_with(|| a.id.cmp(&b.id))
        });
        all
    }

    pub(crate) fn put_token(&self, record: TokenRecord) {
        if let Ok(id) = <[u8; N_ID]>::try_from(record.id.as_bytes()) {
            let used = self.token(&record.id).and_then(|held| held.last_used_unix_ms());
            let record = TokenRecord { last_used_unix_ms: used.or(record.last_used_unix_ms), ..record };
            self.tokens_mut().insert(id, Arc::new(StoredToken::new(record)));
            self.changed.send_replace(());
        }
    }

    pub(crate) fn remove_tokens(&self, ids: &[String]) {
        let mut tokens = self.tokens_mut();
        for id in ids {
            tokens.remove(key(id).as_slice());
        }
        drop(tokens);
        self.changed.send_replace(());
    }

    /// Returns the tokens used since the last call, with their last-used times, and marks them as written.
    pub(crate) fn take_used(&self) -> Vec<(String, u64)> {
        let tokens = self.tokens();
        let used = tokens.values().filter_map(|held| {
            let last = held.last_used.load(Ordering::Relaxed);
            (held.written.swap(last, Ordering::Relaxed) < last).then(|| (held.id.to_string(), last))
        });
        used.collect()
    }

    /// Returns the record of a token for writing.
    pub(crate) fn record(&self, id: &str) -> Option<TokenRecord> {
        self.token(id).map(|held| held.now())
    }

    pub(crate) fn user(&self, name: &Name) -> Option<UserRecord> {
        self.users().get(name).cloned()
    }

    pub(crate) fn all_users(&self) -> Vec<UserRecord> {
        self.users().values().cloned().collect()
    }

    /// Adds or replaces a user and ends its sessions.
    pub(crate) fn put_user(&self, user: UserRecord) {
        self.end_sessions(&user.name);
        self.users_mut().insert(user.name.clone(), user);
    }

    pub(crate) fn remove_user(&self, name: &Name) {
        self.users_mut().remove(name);
        self.end_sessions(name);
    }

    fn end_sessions(&self, user: &Name) {
        self.tokens_mut().retain(|_, held| held.record.login.as_ref() != Some(user));
        self.changed.send_replace(());
    }

    fn tokens(&self) -> RwLockReadGuard<'_, HashMap<[u8; N_ID], Arc<StoredToken>>> {
        self.tokens.read()
    }

    fn tokens_mut(&self) -> RwLockWriteGuard<'_, HashMap<[u8; N_ID], Arc<StoredToken>>> {
        self.tokens.write()
    }

    fn users(&self) -> RwLockReadGuard<'_, BTreeMap<Name, UserRecord>> {
        self.users.read()
    }

    fn users_mut(&self) -> RwLockWriteGuard<'_, BTreeMap<Name, UserRecord>> {
        self.users.write()
    }
}

/// Converts an id to a map key. An invalid id becomes a key that no token has.
fn key(id: &str) -> [u8; N_ID] {
    id.as_bytes().try_into().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use host_core::access::Rights;

    use super::*;

    fn record(id: &str, secret: &str) -> TokenRecord {
        TokenRecord {
            id: id.to_owned(),
            name: "ci".to_owned(),
            secret: Digest::compute(secret.as_bytes()),
            login: None,
            rights: Rights::default(),
            created_by: "operator".to_owned(),
            created_unix_ms: 1,
            expires_unix_ms: Some(1_000),
            last_used_unix_ms: None,
            revoked_unix_ms: None,
        }
    }

    #[test]
    fn a_token_is_found_until_it_expires_or_is_revoked() {
        let secret = "5".repeat(64);
        let keyring = Keyring::new(Accounts { tokens: vec![record("0123abcd", &secret)], ..Accounts::default() });
        let text = format!("dph_0123abcd_{secret}");
        let is_found = |text: &str, now_ms| keyring.find(text.as_bytes(), now_ms).is_some();
        assert!(is_found(&text, 999));
        assert!(!is_found(&text, 1_000));
        for wrong in [
            format!("dph_0123abcd_{}", "6".repeat(64)),
            format!("dph_0123abce_{secret}"),
            format!("dph_0123abcd{secret}"),
            format!("dph_0123abcd_{secret}5"),
            format!("0123abcd_{secret}"),
            format!("dph_{secret}"),
            "dph_".to_owned(),
        ] {
            assert!(!is_found(&wrong, 1), "{wrong}");
        }
        assert_eq!(keyring.take_used(), [("0123abcd".to_owned(), 999)]);
        assert_eq!(keyring.take_used(), []);
        keyring.put_token(TokenRecord { revoked_unix_ms: Some(5), ..record("0123abcd", &secret) });
        assert!(!is_found(&text, 6));
        assert_eq!(
            keyring.record("0123abcd").unwrap().last_used_unix_ms,
            Some(999),
            "that it was used is not forgotten"
        );
        keyring.remove_tokens(&["0123abcd".to_owned()]);
        assert!(keyring.token("0123abcd").is_none());
    }
}
