//! Passwords: hashed with Argon2id on blocking threads, at most two at the same time.

use argon2::password_hash::phc::{Output, ParamsString, PasswordHash, Salt};
use argon2::password_hash::{PasswordHasher as _, PasswordVerifier as _};
use argon2::{Algorithm, Argon2, Params, Version};
use http::StatusCode;
use tokio::sync::Semaphore;

use crate::wire::problem::ApiError;

/// Hashes computed at the same time. Each takes 19 MiB and a core.
const MAX_CONCURRENT: usize = 2;
/// Hashes that may wait to be computed. Further requests are rejected.
const MAX_WAITING: usize = 16;
const N_SALT_BYTES: usize = 16;
const N_HASH_BYTES: usize = 32;
const MAX_BYTES: usize = 1_024;
const MIN_CHARS: usize = 12;

/// Hashes and verifies passwords. Hashes are stored as PHC strings.
pub(crate) struct Passwords {
    running: Semaphore,
    accepted: Semaphore,
    /// A hash that no known password matches. It is verified for unknown users, so that their logins take as long.
    unmatchable: PasswordHash,
}

impl Passwords {
    pub(crate) fn new() -> Result<Passwords, getrandom::Error> {
        Ok(Passwords {
            running: Semaphore::new(MAX_CONCURRENT),
            accepted: Semaphore::new(MAX_CONCURRENT + MAX_WAITING),
            unmatchable: PasswordHash {
                algorithm: Algorithm::Argon2id.ident(),
                version: Some(Version::V0x13.into()),
                params: ParamsString::try_from(&Params::DEFAULT).expect("the default parameters have a PHC form"),
                salt: Some(Salt::new(&random::<N_SALT_BYTES>()?).expect("16 bytes are a salt")),
                hash: Some(Output::new(&random::<N_HASH_BYTES>()?).expect("32 bytes are a hash")),
            },
        })
    }

    /// Returns the PHC string of a password.
    ///
    /// # Errors
    /// The password is too short or too long, too many hashes are waiting, or the system's random numbers fail.
    pub(crate) async fn hash(&self, password: String) -> Result<String, ApiError> {
        if password.chars().count() < MIN_CHARS || password.len() > MAX_BYTES {
            let detail = format!("a password must have at least {MIN_CHARS} characters and at most {MAX_BYTES} bytes");
            return Err(ApiError::new(StatusCode::UNPROCESSABLE_ENTITY, "user_password", detail));
        }
        let salt = random::<N_SALT_BYTES>().map_err(|_| {
            let detail = "the operating system's random number generator failed";
            ApiError::new(StatusCode::INTERNAL_SERVER_ERROR, "auth_random", detail)
        })?;
        let hash = self.compute(move || Argon2::default().hash_password_with_salt(password.as_bytes(), &salt)).await?;
        hash.map(|hash| hash.to_string()).map_err(|_| host_run::Error::Panicked.into())
    }

    /// Returns whether a password matches a PHC string. Takes as long without one, as for an unknown user.
    ///
    /// # Errors
    /// Too many hashes are waiting.
    pub(crate) async fn is_right(&self, password: String, stored: Option<&str>) -> Result<bool, ApiError> {
        let stored = stored.and_then(|stored| PasswordHash::new(stored).ok());
        // A longer password is never accepted by `hash`, so it is not hashed here either.
        let is_possible = stored.is_some() && password.len() <= MAX_BYTES;
        let password = if password.len() <= MAX_BYTES { password } else { String::new() };
        let hash = stored.unwrap_or_else(|| self.unmatchable.clone());
        let verified = self.compute(move || Argon2::default().verify_password(password.as_bytes(), &hash)).await?;
        Ok(verified.is_ok() && is_possible)
    }

    async fn compute<T: Send + 'static>(&self, work: impl FnOnce() -> T + Send + 'static) -> Result<T, ApiError> {
        let Ok(_accepted) = self.accepted.try_acquire() else {
            let detail = "too many logins and password changes are in progress";
            return Err(ApiError::new(StatusCode::TOO_MANY_REQUESTS, "auth_busy", detail).retry_after(1));
        };
        // The semaphore is never closed.
        let _running = self.running.acquire().await;
        tokio::task::spawn_blocking(work).await.map_err(|_| host_run::Error::Panicked.into())
    }
}

fn random<const N: usize>() -> Result<[u8; N], getrandom::Error> {
    let mut bytes = [0; N];
    getrandom::fill(&mut bytes)?;
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn only_the_same_password_matches() {
        let passwords = Passwords::new().unwrap();
        let kept = passwords.hash("correct horse battery".to_owned()).await.unwrap();
        assert!(kept.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"), "{kept}");
        assert!(!kept.contains("horse"));
        let is_right = async |password: &str, kept| passwords.is_right(password.to_owned(), kept).await.unwrap();
        assert!(is_right("correct horse battery", Some(&kept)).await);
        for wrong in ["", "correct horse batterY", "correct horse battery ", &"x".repeat(2_000)] {
            assert!(!is_right(wrong, Some(&kept)).await, "{wrong}");
        }
        assert!(!is_right("correct horse battery", None).await);
        assert!(!is_right("correct horse battery", Some("$argon2id$m=1")).await);
        let again = passwords.hash("correct horse battery".to_owned()).await.unwrap();
        assert_ne!(again, kept, "each hash has its own salt");
    }

    #[tokio::test]
    async fn too_short_and_too_long_passwords_are_rejected() {
        let passwords = Passwords::new().unwrap();
        for password in ["elevenchars".to_owned(), "x".repeat(MAX_BYTES + 1)] {
            assert_eq!(&*passwords.hash(password).await.unwrap_err().code, "user_password");
        }
    }
}
