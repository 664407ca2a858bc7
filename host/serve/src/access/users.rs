//! Users: creation, changes and deletion.

use host_call::now_unix_ms;
use host_core::access::{Name, Rights};
use host_state::{AccountChange, UserRecord};
use http::StatusCode;

use super::Access;
use crate::wire::problem::ApiError;

/// Maximum number of users.
const MAX_USERS: usize = 1_000;

impl Access {
    /// Returns all users by name, each with its number of sessions.
    pub(crate) fn users(&self) -> Vec<(UserRecord, usize)> {
        let users = self.keyring.all_users().into_iter();
        users
            .map(|user| {
                let n_sessions = self.sessions(&user.name).len();
                (user, n_sessions)
            })
            .collect()
    }

    pub(crate) fn user(&self, name: &str) -> Result<(UserRecord, usize), ApiError> {
        let user = name.parse().ok().and_then(|name| self.keyring.user(&name)).ok_or_else(|| {
            let shown: String = host_core::shown(name, 60);
            ApiError::new(StatusCode::NOT_FOUND, "user_unknown", format!("no user is named `{shown}`"))
        })?;
        let n_sessions = self.sessions(&user.name).len();
        Ok((user, n_sessions))
    }

    /// Creates a user.
    ///
    /// # Errors
    /// The name exists, the limit is reached, the password is invalid, or the user could not be written.
    pub(crate) async fn create_user(
        &self,
        name: Name,
        password: String,
        rights: Rights,
    ) -> Result<UserRecord, ApiError> {
        let password = self.passwords.hash(password).await?;
        let _changing = self.changing.lock().await;
        if self.keyring.user(&name).is_some() {
            let detail = format!("a user named `{name}` exists");
            return Err(ApiError::new(StatusCode::CONFLICT, "user_exists", detail)
                .fix("change the existing user with PATCH /api/users/{name}, or choose another name"));
        }
        if self.keyring.all_users().len() >= MAX_USERS {
            let detail = format!("the limit of {MAX_USERS} users is reached");
            return Err(ApiError::new(StatusCode::CONFLICT, "user_too_many", detail));
        }
        let now_ms = now_unix_ms();
        let user =
            UserRecord { name, password, rights, disabled: false, created_unix_ms: now_ms, changed_unix_ms: now_ms };
        self.change(AccountChange::PutUser(user.clone())).await?;
        self.keyring.put_user(user.clone());
        Ok(user)
    }

    /// Changes a user and ends its sessions.
    ///
    /// # Errors
    /// The user is unknown, the password is invalid, or the change could not be written.
    pub(crate) async fn change_user(
        &self,
        name: &str,
        password: Option<String>,
        edit: impl FnOnce(&mut UserRecord),
    ) -> Result<UserRecord, ApiError> {
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

    /// Deletes a user and ends its sessions.
    ///
    /// # Errors
    /// The user is unknown, or the change could not be written.
    pub(crate) async fn remove_user(&self, name: &str) -> Result<(), ApiError> {
        let _changing = self.changing.lock().await;
        let (user, _) = self.user(name)?;
        self.change(AccountChange::RemoveUser(user.name.clone())).await?;
        self.keyring.remove_user(&user.name);
        Ok(())
    }
}
