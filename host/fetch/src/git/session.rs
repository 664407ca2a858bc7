//! The session of one fetch: its addresses, time limits and failure.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Instant;

use host_core::GitUrl;
use parking_lot::{Mutex, MutexGuard};
use ureq::Agent;
use ureq::http::HeaderValue;
use ureq::tls::RootCerts;
use url::Url;

use super::agent::agent;
use super::allow::is_allowed;
use super::token;
use super::watch::Watch;
use crate::access::{GitAccess, UrlPrefix, access_for};
use crate::{Config, Error, Mirror};

/// One fetch.
pub(crate) struct Session {
    pub(crate) watch: Watch,
    pub(crate) agent: Agent,
    pub(crate) is_mirror: bool,
    pub(crate) allowed: Vec<String>,
    mirrors: Vec<Mirror>,
    access: Vec<GitAccess>,
    /// The tokens that were read for this fetch.
    tokens: Mutex<HashMap<UrlPrefix, HeaderValue>>,
    /// The base of requests: the mirror, or the target of a redirect.
    base: Mutex<String>,
    max_bytes: u64,
    received: AtomicU64,
    failure: Mutex<Option<Error>>,
}

impl Session {
    /// A session for one repository.
    ///
    /// # Errors
    /// [`Error::NotAllowed`], [`Error::GitAccess`].
    pub(crate) fn new(config: &Config, url: &GitUrl, cancelled: &Arc<AtomicBool>) -> Result<Session, Error> {
        let asked = url.to_string();
        let mirrored = config.mirrored(url);
        // A mirror names the address of its repositories, with its port.
        let patterns = &config.allowed_repositories;
        if !(mirrored.is_some() && patterns.is_empty() || is_allowed(patterns, &url.slug())) {
            return Err(Error::NotAllowed { slug: url.slug() });
        }
        let watch = Watch {
            url: asked.clone(),
            timeout: config.timeout,
            stall_timeout: config.stall_timeout,
            token_timeout: config.token_timeout,
            deadline: Instant::now() + config.timeout,
            cancelled: cancelled.clone(),
        };
        let is_mirror = mirrored.is_some();
        let base = mirrored.unwrap_or(asked);
        let authorities = authorities_for(&config.git, &base)?;
        Ok(Session {
            agent: agent(&watch, is_mirror, authorities),
            watch,
            is_mirror,
            allowed: config.allowed_repositories.clone(),
            mirrors: config.mirrors.clone(),
            access: config.git.clone(),
            tokens: Mutex::default(),
            base: Mutex::new(base),
            max_bytes: config.max_git_bytes,
            received: AtomicU64::new(0),
            failure: Mutex::new(None),
        })
    }

    /// The requested address.
    pub(crate) fn asked(&self) -> &str {
        &self.watch.url
    }

    pub(crate) fn base(&self) -> String {
        lock(&self.base).clone()
    }

    pub(crate) fn set_base(&self, base: String) {
        *lock(&self.base) = base;
    }

    /// The access for a request to `url` and the value of its `Authorization`. A redirect leads to another request,
    /// which gets the token of its own address only.
    pub(crate) fn authorization(&self, url: &str) -> Result<Option<(&GitAccess, HeaderValue)>, Error> {
        let Some(access) = access_for(&self.access, url) else { return Ok(None) };
        let Some(source) = &access.token else { return Ok(None) };
        let known = lock(&self.tokens).get(&access.prefix).cloned();
        let value = match known {
            Some(value) => value,
            None => token::authorization(access, source, &self.watch)?,
        };
        lock(&self.tokens).insert(access.prefix.clone(), value.clone());
        Ok(Some((access, value)))
    }

    /// Returns the section of the repository, if files in Git LFS are downloaded for it.
    pub(crate) fn lfs(&self) -> Option<&GitAccess> {
        access_for(&self.access, &self.base()).filter(|access| access.lfs)
    }

    /// Creates a client for another server than the repository's. Only the server of a mirror may be in a private
    /// network.
    pub(crate) fn agent_for(&self, url: &Url) -> Result<Agent, Error> {
        let is_mirror = |mirror: &Mirror| Url::parse(&mirror.base).is_ok_and(|base| base.origin() == url.origin());
        let authorities = authorities_for(&self.access, url.as_str())?;
        Ok(agent(&self.watch, self.mirrors.iter().any(is_mirror), authorities))
    }

    pub(crate) fn check(&self) -> Result<(), Error> {
        self.watch.check()
    }

    /// Refuses every address except the requested one.
    pub(crate) fn check_url(&self, found: &str) -> Result<(), Error> {
        if found == self.asked() {
            Ok(())
        } else {
            Err(Error::OtherUrl { asked: self.asked().to_owned(), found: found.to_owned() })
        }
    }

    /// Counts bytes that arrived.
    pub(crate) fn count(&self, bytes: usize) -> Result<(), Error> {
        let received = self.received.fetch_add(bytes as u64, Ordering::Relaxed) + bytes as u64;
        if received > self.max_bytes {
            Err(Error::GitTooLarge { url: self.asked().to_owned(), max_bytes: self.max_bytes })
        } else {
            Ok(())
        }
    }

    /// Keeps the first failure of the transport.
    pub(crate) fn fail(&self, error: Error) {
        lock(&self.failure).get_or_insert(error);
    }

    /// The reason why the transport failed or the fetch must end.
    pub(crate) fn failure(&self) -> Option<Error> {
        lock(&self.failure).take().or_else(|| self.check().err())
    }

    pub(crate) fn git_error(&self, action: &'static str, source: git2::Error) -> Error {
        Error::Git { action, url: self.asked().to_owned(), source }
    }
}

/// Reads the certificate authorities that the section of `url` names.
fn authorities_for(access: &[GitAccess], url: &str) -> Result<Option<RootCerts>, Error> {
    let found = access_for(access, url).and_then(|access| Some((access, access.ca_file.as_deref()?)));
    found.map(|(access, file)| token::authorities(access, file)).transpose()
}

/// Locks a mutex. A poisoned lock is accepted, because a panic cannot leave these values inconsistent.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock()
}
