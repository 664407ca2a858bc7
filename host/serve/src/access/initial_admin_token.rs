//! The initial admin token: created at the first start, stored in a private file, and compared in constant time.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use host_core::{Digest, Principal, Role};
use host_file::ReadError;
use host_store::Store;
use subtle::ConstantTimeEq as _;

use crate::access::caller::Caller;

/// The prefix of every token of this host.
pub(crate) const PREFIX: &str = "dph_";

/// Maximum size of the file.
const MAX_BYTES: u64 = 4 << 10;

/// The initial admin token. Only its digest is stored in memory.
pub(crate) struct InitialAdminToken {
    digest: Digest,
    path: PathBuf,
    caller: Caller,
}

impl InitialAdminToken {
    /// Reads the token from the plugin folder, or creates one with 256 random bits. Blocks.
    pub(crate) fn load_or_create(store: &Store) -> Result<InitialAdminToken, Error> {
        let path = store.initial_admin_token_path();
        let text = match host_file::read_text(&path, MAX_BYTES) {
            Ok(text) => text,
            Err(error) if error.is_not_found() => {
                let text = new_token()?;
                store.write_private(&path, format!("{text}\n").as_bytes())?;
                text
            }
            Err(source) => return Err(Error::Read { path, source }),
        };
        let text = text.trim();
        if !text.starts_with(PREFIX) || text.len() < PREFIX.len() + 32 {
            return Err(Error::NotAToken { path });
        }
        let principal = Arc::new(Principal::with_role("operator", Role::Admin));
        let caller = Caller { principal, token: "operator".into() };
        Ok(InitialAdminToken { digest: Digest::compute(text.as_bytes()), path, caller })
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Returns the operator if this is the initial admin token.
    pub(crate) fn caller(&self, token: &[u8]) -> Option<Caller> {
        is_same(&Digest::compute(token), &self.digest).then(|| self.caller.clone())
    }

    /// Returns whether the caller sent the initial admin token.
    pub(crate) fn is_of(&self, caller: &Caller) -> bool {
        caller.token == self.caller.token
    }
}

/// Compares digests in constant time.
pub(crate) fn is_same(one: &Digest, other: &Digest) -> bool {
    let words = |digest: &Digest| {
        let (words, _) = digest.as_bytes().as_chunks::<8>();
        [0, 1, 2, 3].map(|at| u64::from_ne_bytes(words[at]))
    };
    // Comparing words takes a tenth of the time of comparing bytes.
    words(one).ct_eq(&words(other)).into()
}

/// Returns whether a header contains a token of a plugin host, valid or not, in any notation. Plugins must not see
/// it.
pub(crate) fn is_host_credential(value: &http::HeaderValue) -> bool {
    // Fast path for the usual notation.
    if bearer(value.as_bytes()).is_some_and(|token| token.starts_with(PREFIX.as_bytes())) {
        return true;
    }
    let mut words = value.as_bytes().split(|byte| matches!(byte, b' ' | b'\t' | b',' | b'"' | b'='));
    words.any(|word| word.starts_with(PREFIX.as_bytes()))
}

/// Returns the token in a value of `Authorization`.
pub(crate) fn bearer(value: &[u8]) -> Option<&[u8]> {
    let (scheme, token) = value.split_at_checked(7)?;
    scheme.eq_ignore_ascii_case(b"bearer ").then(|| token.trim_ascii())
}

fn new_token() -> Result<String, Error> {
    let mut secret = [0; 32];
    getrandom::fill(&mut secret).map_err(Error::Random)?;
    Ok(format!("{PREFIX}{}", host_core::hex(&secret)))
}

/// The reason why the initial admin token is not available.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    #[error("failed to read `{}`", path.display())]
    Read { path: PathBuf, source: ReadError },
    #[error("`{}` does not contain a token; hint: delete the file, the next start creates a new token", path.display())]
    NotAToken { path: PathBuf },
    #[error("failed to write the initial admin token")]
    Write(#[from] host_store::Error),
    #[error("the operating system's random number generator failed")]
    Random(#[source] getrandom::Error),
}
