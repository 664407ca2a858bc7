//! Making and revoking tokens, adding and changing users, logging in and out.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Instant;

use host_core::Digest;
use host_core::access::{Name, Rights};
use host_state::{AccountChange, TokenRecord, UserRecord};
use http::StatusCode;

use super::keyring::{Held, N_ID};
use super::password::hex;
use super::throttle::Place;
use super::{Access, now_unix_ms, too_many};
use crate::error::of_operation;
use crate::problem::Refused;
use crate::token::PREFIX;

/// Tokens that are valid at the same time, and users.
const MAX_TOKENS: usize = 1_000;
const MAX_USERS: usize = 1_000;
/// Sessions of one user; the oldest ends when there is one more.
const MAX_SESSIONS: usize = 20;
/// How long tokens are shown that are not valid any more: 30 days.
const KEEP_MS: u64 = 30 * 24 * 60 * 60 * 1_000;

/// A token that is to be made.
pub(crate) struct NewAccount {
    pub(crate) name: Name,
    pub(crate) rights: Rights,
    pub(crate) expires_unix_ms: Option<u64>,
    pub(crate) created_by: String,
}

/// A login.
pub(crate) struct Session {
    /// The whole token.
    pub(crate) token: String,
    pub(crate) id: String,
    pub(crate) expires_unix_ms: u64,
    pub(crate) rights: Rights,
}

// === impl Access: tokens ===

impl Access {
    /// All tokens, oldest first.
    pub(crate) fn tokens(&self) -> Vec<Arc<Held>> {
        self.keyring.all()
    }

    /// The token of that id, valid or not.
    pub(crate) fn token(&self, id: &str) -> Option<Arc<Held>> {
        self.keyring.token(id)
    }

    /// Makes a token; gives its text, which is kept nowhere, and what it is.
    ///
    /// # Errors
    /// There is a valid one of that name, or too many; it could not be written.
    pub(crate) async fn make_token(&self, new: NewAccount) -> Result<(String, Arc<Held>), Refused> {
        let _changing = self.changing.lock().await;
        let now_ms = now_unix_ms();
        self.sweep(now_ms).await?;
        let valid: Vec<_> = self.keyring.all().into_iter().filter(|held| held.is_valid(now_ms)).collect();
        if valid.iter().any(|held| held.record.name == new.name.as_str()) {
            let detail = format!("a valid token named `{}` exists", new.name);
            return Err(Refused::new(StatusCode::CONFLICT, "token_exists", detail)
                .fix("revoke the existing token, or choose another name"));
        }
        if valid.iter().filter(|held| held.record.login.is_none()).count() >= MAX_TOKENS {
            let detail = format!("the limit of {MAX_TOKENS} valid tokens is reached");
            return Err(Refused::new(StatusCode::CONFLICT, "token_too_many", detail)
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

    /// Revokes a token; a session ends.
    ///
    /// # Errors
    /// There is none; it could not be written, and is still valid.
    pub(crate) async fn revoke(&self, id: &str) -> Result<(), Refused> {
        let _changing = self.changing.lock().await;
        let record = self.keyring.record(id).ok_or_else(|| {
            let shown: String = id.chars().filter(|c| !c.is_control()).take(60).collect();
            Refused::new(StatusCode::NOT_FOUND, "token_unknown", format!("no token has the id `{shown}`"))
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

    async fn put_token(&self, record: TokenRecord) -> Result<Arc<Held>, Refused> {
        let id = record.id.clone();
        self.change(AccountChange::PutToken(record.clone())).await?;
        self.keyring.put_token(record);
        // The lock on changes is held, so nobody took it away.
        self.keyring.token(&id).ok_or_else(|| of_operation(&host_run::Error::Panicked))
    }

    /// A new id, the digest of a new secret, and the whole token.
    fn new_token(&self) -> Result<(String, Digest, String), Refused> {
        let random = |_| {
            Refused::new(
                StatusCode::INTERNAL_SERVER_ERROR,
                "auth_random",
                "the operating system's random number generator failed",
            )
        };
        let (mut id, mut secret) = ([0; N_ID / 2], [0; 32]);
        getrandom::fill(&mut secret).map_err(random)?;
        loop {
            getrandom::fill(&mut id).map_err(random)?;
            let (id, secret) = (hex(&id), hex(&secret));
            if self.keyring.token(&id).is_none() {
                let text = format!("{PREFIX}{id}_{secret}");
                return Ok((id, Digest::of(secret.as_bytes()), text));
            }
        }
    }

    /// Takes away what is of no use to anybody any more.
    async fn sweep(&self, now_ms: u64) -> Result<(), Refused> {
        let is_past = |at: Option<u64>, keep: u64| at.is_some_and(|at| at.saturating_add(keep) <= now_ms);
        let is_old = |held: &Arc<Held>| match held.record.login {
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

    async fn change(&self, change: AccountChange) -> Result<(), Refused> {
        self.state.change_account(change).await.map_err(|error| of_operation(&error.into()))
    }
}

// === impl Access: users ===

impl Access {
    /// All users, by name, each with the number of their sessions.
    pub(crate) fn users(&self) -> Vec<(UserRecord, usize)> {
        let users = self.keyring.all_users().into_iter();
        users
            .map(|user| {
                let n_sessions = self.sessions(&user.name).len();
                (user, n_sessions)
            })
            .collect()
    }

    pub(crate) fn user(&self, name: &str) -> Result<(UserRecord, usize), Refused> {
        let user = name.parse().ok().and_then(|name| self.keyring.user(&name)).ok_or_else(|| {
            let shown: String = name.chars().filter(|c| !c.is_control()).take(60).collect();
            Refused::new(StatusCode::NOT_FOUND, "user_unknown", format!("no user is named `{shown}`"))
        })?;
        let n_sessions = self.sessions(&user.name).len();
        Ok((user, n_sessions))
    }

    /// Adds a user.
    ///
    /// # Errors
    /// There is one of that name, or too many; the password is none; it could not be written.
    pub(crate) async fn add_user(&self, name: Name, password: String, rights: Rights) -> Result<UserRecord, Refused> {
        let password = self.passwords.hash(password).await?;
        let _changing = self.changing.lock().await;
        if self.keyring.user(&name).is_some() {
            let detail = format!("a user named `{name}` exists");
            return Err(Refused::new(StatusCode::CONFLICT, "user_exists", detail)
                .fix("change the existing user with PATCH /api/users/{name}, or choose another name"));
        }
        if self.keyring.all_users().len() >= MAX_USERS {
            let detail = format!("the limit of {MAX_USERS} users is reached");
            return Err(Refused::new(StatusCode::CONFLICT, "user_too_many", detail));
        }
        let now_ms = now_unix_ms();
        let user =
            UserRecord { name, password, rights, disabled: false, created_unix_ms: now_ms, changed_unix_ms: now_ms };
        self.change(AccountChange::PutUser(user.clone())).await?;
        self.keyring.put_user(user.clone());
        Ok(user)
    }

    /// Changes a user; their sessions end.
    ///
    /// # Errors
    /// There is none; the password is none; it could not be written.
    pub(crate) async fn change_user(
        &self,
        name: &str,
        password: Option<String>,
        edit: impl FnOnce(&mut UserRecord),
    ) -> Result<UserRecord, Refused> {
        let password = match password {
            Some(password) => Some(self.passwords.hash(password).await?),
            None => None,
        };
        let _changing = self.changing.lock().await;
        let (mut user, _) = self.user(name)?;
        user.password = password.unwrap_or(user.password);
        edit(&mut user);
        user.changed_unix_ms = now_unix_ms();
        self.change(AccountChange::PutUser(user.clone())).await?;
        self.keyring.put_user(user.clone());
        Ok(user)
    }

    /// Takes a user away; their sessions end.
    ///
    /// # Errors
    /// There is none; it could not be written.
    pub(crate) async fn remove_user(&self, name: &str) -> Result<(), Refused> {
        let _changing = self.changing.lock().await;
        let (user, _) = self.user(name)?;
        self.change(AccountChange::RemoveUser(user.name.clone())).await?;
        self.keyring.remove_user(&user.name);
        Ok(())
    }

    /// Whether this is the password of a user who may log in; gives them. A wrong password, an unknown user and a disabled
    /// one are the same to who asks, and take as long.
    ///
    /// # Errors
    /// 401; and 429 when this address, or all together, were wrong too often: also for who is right.
    pub(crate) async fn check_password(
        &self,
        username: &str,
        password: String,
        address: IpAddr,
    ) -> Result<UserRecord, Refused> {
        let place = Place::of(address);
        // Taken before, so that attempts that run at the same time count too.
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
                Err(Refused::new(StatusCode::UNAUTHORIZED, "auth_login", detail))
            }
        }
    }

    /// Begins a session of a user whose password was right.
    ///
    /// # Errors
    /// They were changed meanwhile; it could not be written.
    pub(crate) async fn begin_session(&self, checked: &UserRecord) -> Result<Session, Refused> {
        let _changing = self.changing.lock().await;
        let user = self.keyring.user(&checked.name).filter(|user| user == checked).ok_or_else(|| {
            Refused::new(StatusCode::CONFLICT, "auth_changed", "the user was changed during the login")
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
        Ok(Session { token, id, expires_unix_ms, rights: user.rights })
    }

    /// The sessions of a user, oldest first.
    fn sessions(&self, user: &Name) -> Vec<Arc<Held>> {
        self.keyring.all().into_iter().filter(|held| held.record.login.as_ref() == Some(user)).collect()
    }
}
