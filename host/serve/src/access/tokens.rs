//! Tokens: creation and revocation.

use std::sync::Arc;

use host_call::now_unix_ms;
use host_core::Digest;
use host_core::access::{Name, Rights};
use host_state::{AccountChange, TokenRecord};
use http::StatusCode;

use super::Access;
use super::keyring::{N_ID, StoredToken};
use crate::access::initial_admin_token::PREFIX;
use crate::wire::problem::ApiError;

/// Maximum number of valid tokens.
const MAX_TOKENS: usize = 1_000;
/// Time after which revoked and expired tokens are deleted: 30 days.
const KEEP_MS: u64 = 30 * 24 * 60 * 60 * 1_000;

/// A token to create.
pub(crate) struct NewToken {
    pub(crate) name: Name,
    pub(crate) rights: Rights,
    pub(crate) expires_unix_ms: Option<u64>,
    pub(crate) created_by: String,
}

impl Access {
    /// Returns all tokens, oldest first.
    pub(crate) fn tokens(&self) -> Vec<Arc<StoredToken>> {
        self.keyring.all()
    }

    /// Returns the token with this id, valid or not.
    pub(crate) fn token(&self, id: &str) -> Option<Arc<StoredToken>> {
        self.keyring.token(id)
    }

    /// Creates a token and returns its text, which is not stored, and the stored token.
    ///
    /// # Errors
    /// A valid token has this name, the limit is reached, or the token could not be written.
    pub(crate) async fn create_token(&self, new: NewToken) -> Result<(String, Arc<StoredToken>), ApiError> {
        let _changing = self.changing.lock().await;
        let now_ms = now_unix_ms();
        self.sweep(now_ms).await?;
        let valid: Vec<_> = self.keyring.all().into_iter().filter(|held| held.is_valid(now_ms)).collect();
        if valid.iter().any(|held| held.record.name == new.name.as_str()) {
            let detail = format!("a valid token named `{}` exists", new.name);
            return Err(ApiError::new(StatusCode::CONFLICT, "token_exists", detail)
                .fix("revoke the existing token, or choose another name"));
        }
        if valid.iter().filter(|held| held.record.login.is_none()).count() >= MAX_TOKENS {
            let detail = format!("the limit of {MAX_TOKENS} valid tokens is reached");
            return Err(ApiError::new(StatusCode::CONFLICT, "token_too_many", detail)
                .fix("revoke unused tokens with DELETE /api/tokens/{id}"));
        }
        let (id, secret, text) = self.new_token()?;
        let record = TokenRecord {
            id,
            name: new.name.to_string(),
            secret,
            login: None,
            rights: new.rights,
            created_by: new.created_by,
            created_unix_ms: now_ms,
            expires_unix_ms: new.expires_unix_ms,
            last_used_unix_ms: None,
            revoked_unix_ms: None,
        };
        let held = self.put_token(record).await?;
        Ok((text, held))
    }

    /// Revokes a token, or ends a session.
    ///
    /// # Errors
    /// The token is unknown, or the change could not be written and the token is still valid.
    pub(crate) async fn revoke(&self, id: &str) -> Result<(), ApiError> {
        let _changing = self.changing.lock().await;
        let record = self.keyring.record(id).ok_or_else(|| {
            let shown: String = host_core::shown(id, 60);
            ApiError::new(StatusCode::NOT_FOUND, "token_unknown", format!("no token has the id `{shown}`"))
                .fix("`plugin-host token list` lists the ids")
        })?;
        if record.login.is_some() {
            let ids = vec![record.id];
            self.change(AccountChange::RemoveTokens(ids.clone())).await?;
            self.keyring.remove_tokens(&ids);
            return Ok(());
        }
        let revoked_unix_ms = record.revoked_unix_ms.or(Some(now_unix_ms()));
        self.put_token(TokenRecord { revoked_unix_ms, ..record }).await.map(drop)
    }

    pub(super) async fn put_token(&self, record: TokenRecord) -> Result<Arc<StoredToken>, ApiError> {
        let id = record.id.clone();
        self.change(AccountChange::PutToken(record.clone())).await?;
        self.keyring.put_token(record);
        // The lock on changes is held, so the token was not removed in between.
        self.keyring.token(&id).ok_or_else(|| ApiError::from(host_run::Error::Panicked))
    }

    /// Generates an id, the digest of a secret, and the complete token.
    pub(super) fn new_token(&self) -> Result<(String, Digest, String), ApiError> {
        let random = |_| {
            ApiError::new(
                StatusCode::INTERNAL_SERVER_ERROR,
                "auth_random",
                "the operating system's random number generator failed",
            )
        };
        let mut id = [0; N_ID / 2];
        let mut secret = [0; 32];
        getrandom::fill(&mut secret).map_err(random)?;
        loop {
            getrandom::fill(&mut id).map_err(random)?;
            let id = host_core::hex(&id);
            let secret = host_core::hex(&secret);
            if self.keyring.token(&id).is_none() {
                let text = format!("{PREFIX}{id}_{secret}");
                return Ok((id, Digest::compute(secret.as_bytes()), text));
            }
        }
    }

    /// Deletes expired sessions, and tokens whose retention time is over.
    pub(super) async fn sweep(&self, now_ms: u64) -> Result<(), ApiError> {
        let is_past = |at: Option<u64>, keep: u64| at.is_some_and(|at| at.saturating_add(keep) <= now_ms);
        let is_old = |held: &Arc<StoredToken>| match held.record.login {
            Some(_) => held.is_expired(now_ms),
            None => is_past(held.record.revoked_unix_ms, KEEP_MS) || is_past(held.record.expires_unix_ms, KEEP_MS),
        };
        let old: Vec<_> =
            self.keyring.all().iter().filter(|held| is_old(held)).map(|held| held.id.to_string()).collect();
        if !old.is_empty() {
            self.change(AccountChange::RemoveTokens(old.clone())).await?;
            self.keyring.remove_tokens(&old);
        }
        Ok(())
    }

    pub(super) async fn change(&self, change: AccountChange) -> Result<(), ApiError> {
        self.state.change_account(change).await.map_err(|error| host_run::Error::from(error).into())
    }
}
