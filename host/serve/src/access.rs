//! Authentication: the initial admin token, tokens, sessions of users, and the limits for failed attempts.
//!
//! All data is in memory and changed there after it is written to disk, so a change applies from the next request on.

pub(crate) mod audit_context;
pub(crate) mod caller;
pub(crate) mod initial_admin_token;
mod keyring;
mod password;
mod recent;
mod refusals;
pub(crate) mod session_cookie;
mod sessions;
mod throttle;
mod tokens;
mod users;

use std::net::IpAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use host_call::now_unix_ms;
use host_state::{AccountChange, State};
use http::header::{AUTHORIZATION, HeaderValue};
use http::{HeaderMap, StatusCode};

use crate::access::caller::{Caller, Identity, unauthorized};
use crate::access::initial_admin_token::{InitialAdminToken, bearer};
use crate::wire::problem::ApiError;
use keyring::Keyring;
use password::Passwords;
use recent::SeenToken;
use refusals::Refusals;
use throttle::{ClientKey, LoginThrottle};

pub(crate) use keyring::StoredToken;
pub(crate) use recent::RecentToken;
pub(crate) use sessions::Session;
pub(crate) use tokens::NewToken;

/// Numbers of separate summaries of rejections in the audit log, for unauthenticated and for authenticated clients.
const MAX_STRANGERS: usize = 64;
const MAX_REFUSALS: usize = 1_024;

/// The limits of authentication.
#[derive(Clone, Copy, Debug)]
pub(crate) struct AuthLimits {
    /// Failed logins and invalid tokens per minute, from one address and in total.
    pub(crate) max_failures: u32,
    pub(crate) max_failures_of_all: u32,
    /// Lifetime of a session.
    pub(crate) session: Duration,
}

/// Authenticates callers and manages tokens and users.
pub(crate) struct Access {
    operator: InitialAdminToken,
    keyring: Keyring,
    state: State,
    /// Held while a change is written and applied, so that both happen in the same order.
    changing: tokio::sync::Mutex<()>,
    passwords: Passwords,
    throttle: LoginThrottle,
    pub(crate) anonymous_refusals: Refusals,
    pub(crate) known_refusals: Refusals,
    session: Duration,
}

/// The reason why authentication is not available.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    #[error("failed to read tokens and users")]
    State(#[from] host_state::Error),
    #[error("the operating system's random number generator failed")]
    Random(#[source] getrandom::Error),
}

impl Access {
    pub(crate) async fn new(operator: InitialAdminToken, state: State, rules: AuthLimits) -> Result<Access, Error> {
        let accounts = state.accounts().await?;
        for damaged in &accounts.damaged {
            tracing::error!("the record of the token or user `{damaged}` is damaged and is ignored");
        }
        Ok(Access {
            operator,
            keyring: Keyring::new(accounts),
            state,
            changing: tokio::sync::Mutex::default(),
            passwords: Passwords::new().map_err(Error::Random)?,
            throttle: LoginThrottle::new(rules.max_failures, rules.max_failures_of_all),
            anonymous_refusals: Refusals::new(MAX_STRANGERS),
            known_refusals: Refusals::new(MAX_REFUSALS),
            session: rules.session,
        })
    }

    /// Returns the identity of the sender of these headers, on a connection that may have sent the same token before.
    pub(crate) fn identity(&self, headers: &HeaderMap, recent: Option<&RecentToken>) -> Identity {
        let mut values = headers.get_all(AUTHORIZATION).iter();
        let Some(value) = values.next() else { return Identity::Anonymous };
        if values.next().is_some() {
            return Identity::Malformed("the header `Authorization` was sent twice");
        }
        let Some(token) = bearer(value.as_bytes()) else {
            let is_empty = value.as_bytes().trim_ascii().eq_ignore_ascii_case(b"bearer");
            return Identity::Malformed(if is_empty {
                "the header `Authorization` has no token after `Bearer`"
            } else {
                "the header `Authorization` does not start with `Bearer `"
            });
        };
        let now_ms = now_unix_ms();
        if let Some(caller) = recent.and_then(|recent| recent.caller(value, now_ms)) {
            return Identity::Known(caller);
        }
        // Subscribed before the lookup, so that no change is missed.
        let changed = self.keyring.watch();
        let held = self.keyring.find(token, now_ms);
        let caller = match &held {
            Some(held) => Some(Caller { principal: held.principal.clone(), token: held.id.clone() }),
            None => self.operator.caller(token),
        };
        let Some(caller) = caller else { return Identity::Unknown };
        // A copy, so that it does not keep the buffer of the whole request head in memory.
        if let (Some(recent), Ok(value)) = (recent, HeaderValue::from_bytes(value.as_bytes())) {
            recent.keep(SeenToken { value, caller: caller.clone(), held, changed });
        }
        Identity::Known(caller)
    }

    /// Returns the authenticated caller.
    ///
    /// # Errors
    /// 401 without a valid token. 429 after too many invalid tokens from this address; a valid token is never
    /// limited.
    pub(crate) fn caller(
        &self,
        headers: &HeaderMap,
        recent: Option<&RecentToken>,
        address: impl FnOnce() -> IpAddr,
    ) -> Result<Caller, ApiError> {
        match self.identity(headers, recent) {
            Identity::Known(caller) => Ok(caller),
            Identity::Anonymous => Err(unauthorized(&Identity::Anonymous)),
            unknown @ (Identity::Unknown | Identity::Malformed(_)) => {
                self.throttle.take(ClientKey::from_address(address()), Instant::now()).map_err(too_many)?;
                Err(unauthorized(&unknown))
            }
        }
    }

    /// Waits until the token of this caller is revoked, expires, or belongs to a user who was changed.
    pub(crate) async fn ended(self: Arc<Self>, caller: Caller) {
        let mut changed = self.keyring.watch();
        while !self.operator.is_of(&caller) {
            let now_ms = now_unix_ms();
            let Some(held) = self.keyring.token(&caller.token).filter(|held| held.is_valid(now_ms)) else { return };
            let left_ms = held.record.expires_unix_ms.map_or(u64::MAX, |expires| expires.saturating_sub(now_ms));
            // The token is checked again after every wake-up: the clock may have changed, and a change may concern
            // another token.
            let _ = tokio::time::timeout(Duration::from_millis(left_ms), changed.changed()).await;
        }
        std::future::pending().await
    }

    /// Writes the last-used times of tokens.
    pub(crate) async fn flush_last_used(&self) {
        let used = self.keyring.take_used();
        if used.is_empty() {
            return;
        }
        let _changing = self.changing.lock().await;
        if let Err(error) = self.state.change_account(AccountChange::Used(used)).await {
            tracing::warn!("failed to write the last-used times of tokens: {error}");
        }
    }
}

/// The 429 error after too many failures.
fn too_many(seconds: u32) -> ApiError {
    let detail = "too many failed logins or invalid tokens from this address";
    let refused = ApiError::new(StatusCode::TOO_MANY_REQUESTS, "auth_too_many", detail).retry_after(seconds);
    refused.fix("wait for the time in `Retry-After`; requests with a valid token are not limited")
}
