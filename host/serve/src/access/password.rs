//! Passwords: hashed with Argon2id off the workers, a few at a time.

use std::fmt::Write as _;

use argon2::{Algorithm, Argon2, Params, Version};
use http::StatusCode;
use subtle::ConstantTimeEq as _;
use tokio::sync::Semaphore;

use crate::wire::problem::ApiError;

/// Hashes at the same time: each takes 19 MiB and a core.
const AT_ONCE: usize = 2;
/// Those that may wait for one; more are sent away.
const MAX_WAITING: usize = 16;
const N_SALT_BYTES: usize = 16;
const N_HASH_BYTES: usize = 32;
/// The most bytes of a password.
const MAX_BYTES: usize = 1_024;
/// The fewest characters of one.
const MIN_CHARS: usize = 12;

/// Hashes and compares passwords.
pub(crate) struct Passwords {
    turns: Semaphore,
    places: Semaphore,
    /// What an unknown user's password is compared with: nobody knows one that fits.
    nobody: String,
}

/// How a password was hashed.
struct Kept {
    params: Params,
    salt: Vec<u8>,
    hash: Vec<u8>,
}

impl Passwords {
    pub(crate) fn new() -> Result<Passwords, getrandom::Error> {
        let (salt, hash) = (random::<N_SALT_BYTES>()?, random::<N_HASH_BYTES>()?);
        let nobody = write(&Params::DEFAULT, &salt, &hash);
        Ok(Passwords { turns: Semaphore::new(AT_ONCE), places: Semaphore::new(AT_ONCE + MAX_WAITING), nobody })
    }

    /// What is kept of a password.
    ///
    /// # Errors
    /// It is too short or too long; too many are being hashed; the system gave no randomness.
    pub(crate) async fn hash(&self, password: String) -> Result<String, ApiError> {
        if password.chars().count() < MIN_CHARS || password.len() > MAX_BYTES {
            let detail = format!("a password must have at least {MIN_CHARS} characters and at most {MAX_BYTES} bytes");
            return Err(ApiError::new(StatusCode::UNPROCESSABLE_ENTITY, "user_password", detail));
        }
        let salt = random::<N_SALT_BYTES>().map_err(|_| {
            ApiError::new(
                StatusCode::INTERNAL_SERVER_ERROR,
                "auth_random",
                "the operating system's random number generator failed",
            )
        })?;
        let hash = self.compute(Params::DEFAULT, password, salt.to_vec()).await?;
        Ok(write(&Params::DEFAULT, &salt, &hash))
    }

    /// Whether a password is the one of which this is kept. Takes as long when nothing is: for a user who is not there.
    ///
    /// # Errors
    /// Too many are being hashed.
    pub(crate) async fn is_right(&self, password: String, kept: Option<&str>) -> Result<bool, ApiError> {
        let is_known = kept.is_some();
        let read = kept.and_then(read).or_else(|| read(&self.nobody));
        let Some(Kept { params, salt, hash }) = read else { return Ok(false) };
        // A longer one was never taken, and need not be hashed.
        let (password, fits) = if password.len() > MAX_BYTES { (String::new(), false) } else { (password, true) };
        let computed = self.compute(params, password, salt).await?;
        Ok(bool::from(computed.ct_eq(&hash)) && is_known && fits)
    }

    async fn compute(&self, params: Params, password: String, salt: Vec<u8>) -> Result<Vec<u8>, ApiError> {
        let Ok(_place) = self.places.try_acquire() else {
            let detail = "too many logins and password changes are in progress";
            return Err(ApiError::new(StatusCode::TOO_MANY_REQUESTS, "auth_busy", detail).retry_after(1));
        };
        // It is never closed.
        let _turn = self.turns.acquire().await;
        let hashed = tokio::task::spawn_blocking(move || {
            let mut hash = vec![0; N_HASH_BYTES];
            let argon = Argon2::new(Algorithm::Argon2id, Version::V0x13, params);
            argon.hash_password_into(password.as_bytes(), &salt, &mut hash).ok().map(|()| hash)
        });
        hashed.await.ok().flatten().ok_or_else(|| ApiError::from(host_run::Error::Panicked))
    }
}

fn random<const N: usize>() -> Result<[u8; N], getrandom::Error> {
    let mut bytes = [0; N];
    getrandom::fill(&mut bytes)?;
    Ok(bytes)
}

fn write(params: &Params, salt: &[u8], hash: &[u8]) -> String {
    let (m, t, p) = (params.m_cost(), params.t_cost(), params.p_cost());
    format!("argon2id,m={m},t={t},p={p},{},{}", hex(salt), hex(hash))
}

fn read(text: &str) -> Option<Kept> {
    let mut parts = text.split(',');
    let mut part = |name: &str| parts.next()?.strip_prefix(name);
    part("argon2id")?;
    let (m, t, p) = (part("m=")?.parse().ok()?, part("t=")?.parse().ok()?, part("p=")?.parse().ok()?);
    let (salt, hash) = (bytes(part("")?)?, bytes(part("")?)?);
    Some(Kept { params: Params::new(m, t, p, Some(N_HASH_BYTES)).ok()?, salt, hash })
}

pub(super) fn hex(bytes: &[u8]) -> String {
    let mut hex = String::with_capacity(2 * bytes.len());
    for byte in bytes {
        // Writing to a string does not fail.
        let _ = write!(hex, "{byte:02x}");
    }
    hex
}

fn bytes(hex: &str) -> Option<Vec<u8>> {
    let pairs = hex.as_bytes().chunks(2);
    pairs.map(|pair| u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn only_the_password_itself_is_right() {
        let passwords = Passwords::new().unwrap();
        let kept = passwords.hash("correct horse battery".to_owned()).await.unwrap();
        assert!(kept.starts_with("argon2id,m=19456,t=2,p=1,"), "{kept}");
        assert!(!kept.contains("horse"));
        let is_right = async |password: &str, kept| passwords.is_right(password.to_owned(), kept).await.unwrap();
        assert!(is_right("correct horse battery", Some(&kept)).await);
        for wrong in ["", "correct horse batterY", "correct horse battery ", &"x".repeat(2_000)] {
            assert!(!is_right(wrong, Some(&kept)).await, "{wrong}");
        }
        assert!(!is_right("correct horse battery", None).await);
        assert!(!is_right("correct horse battery", Some("argon2id,m=1")).await);
        let again = passwords.hash("correct horse battery".to_owned()).await.unwrap();
        assert_ne!(again, kept, "each has a salt of its own");
    }

    #[tokio::test]
    async fn a_short_or_endless_password_is_refused() {
        let passwords = Passwords::new().unwrap();
        for password in ["elevenchars".to_owned(), "x".repeat(MAX_BYTES + 1)] {
            assert_eq!(&*passwords.hash(password).await.unwrap_err().code, "user_password");
        }
    }
}
