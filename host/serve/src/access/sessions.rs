//! Logins and the sessions of users.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Instant;

use host_call::now_unix_ms;
use host_core::access::{Name, Rights};
use host_state::{AccountChange, TokenRecord, UserRecord};
use http::StatusCode;

use super::keyring::StoredToken;
use super::throttle::ClientKey;
use super::{Access, too_many};
use crate::wire::problem::ApiError;

/// Maximum number of sessions of one user. A further login ends the oldest session.
const MAX_SESSIONS: usize = 20;

/// A new session.
pub(crate) struct Session {
    /// The complete session token.
    pub(crate) token: String,
    pub(crate) id: String,
    pub(crate) expires_unix_ms: u64,
    pub(crate) rights: Rights,
    /// The name of the user.
    pub(crate) user: String,
}

impl Access {
    /// Checks a login and returns the user. A wrong password, an unknown user and a disabled user are
    /// indistinguishable to the client and take the same time.
    ///
    /// # Errors
    /// 401 for a failed login. 429 if the address, or all addresses together, failed too often, even for a correct
    /// password.
    pub(crate) async fn check_password(
        &self,
        username: &str,
        password: String,
        address: IpAddr,
    ) -> Result<UserRecord, ApiError> {
        let place = ClientKey::from_address(address);
        // Counted before the check, so that concurrent attempts count too.
        self.throttle.take(place, Instant::now()).map_err(too_many)?;
        let user = username.parse().ok().and_then(|name| self.keyring.user(&name));
        let kept = user.as_ref().map(|user| user.password.as_str());
        let is_right = self.passwords.is_right(password, kept).await.inspect_err(|_| self.throttle.give_back(place))?;
        match user.filter(|user| is_right && !user.disabled) {
            Some(user) => {
                self.throttle.give_back(place);
                Ok(user)
            }
            None => {
                let detail = "unknown user or wrong password";
                Err(ApiError::new(StatusCode::UNAUTHORIZED, "auth_login", detail))
            }
        }
    }

    /// Creates a session for a user whose password was verified.
    ///
    /// # Errors
    /// The user was changed since, or the session could not be written.
    pub(crate) async fn create_session(&self, checked: &UserRecord) -> Result<Session, ApiError> {
        let _changing = self.changing.lock().await;
        let user = self.keyring.user(&checked.name).filter(|user| user == checked).ok_or_else(|| {
            ApiError::new(StatusCode::CONFLICT, "auth_changed", "the user was changed during the login")
                .fix("log in again")
        })?;
        let now_ms = now_unix_ms();
        self.sweep(now_ms).await?;
        let sessions = self.sessions(&user.name);
        let n_over = (sessions.len() + 1).saturating_sub(MAX_SESSIONS);
        let over: Vec<_> = sessions.iter().take(n_over).map(|held| held.id.to_string()).collect();
        if !over.is_empty() {
            self.change(AccountChange::RemoveTokens(over.clone())).await?;
            self.keyring.remove_tokens(&over);
        }
        let lifetime_ms = u64::try_from(self.session.as_millis()).unwrap_or(u64::MAX);
        let expires_unix_ms = now_ms.saturating_add(lifetime_ms);
        let (id, secret, token) = self.new_token()?;
        let record = TokenRecord {
            id: id.clone(),
            name: format!("login:{}", user.name),
            secret,
            login: Some(user.name.clone()),
            rights: user.rights.clone(),
            created_by: format!("login:{}", user.name),
            created_unix_ms: now_ms,
            expires_unix_ms: Some(expires_unix_ms),
            last_used_unix_ms: None,
            revoked_unix_ms: None,
        };
        self.put_token(record).await?;
        Ok(Session { token, id, expires_unix_ms, rights: user.rights, user: user.name.to_string() })
    }

    /// Returns the sessions of a user, oldest first.
    pub(super) fn sessions(&self, user: &Name) -> Vec<Arc<StoredToken>> {
        self.keyring.all().into_iter().filter(|held| held.record.login.as_ref() == Some(user)).collect()
    }
}
