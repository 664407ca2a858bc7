//! Which URLs and addresses a plugin may fetch from.

use std::net::IpAddr;

use host_core::manifest::Security;
use host_core::{AllowedHost, is_public_address};
use url::Url;

use crate::error::{Error, quoted};

/// What plugin.yaml and the operator allow.
pub(crate) struct Rules {
    network_access: bool,
    allowed: Vec<AllowedHost>,
    private: Vec<AllowedHost>,
}

impl Rules {
    pub(crate) fn new(security: &Security, private: &[AllowedHost]) -> Rules {
        let Security { network_access, allowed_hosts, .. } = security;
        Rules { network_access: *network_access, allowed: allowed_hosts.clone(), private: private.to_vec() }
    }

    /// Lets a URL pass that plugin.yaml allows.
    pub(crate) fn check(&self, url: &Url) -> Result<(), Error> {
        self.rule(url).map_err(|rule| Error::FetchNotAllowed { to: origin(url), rule })
    }

    /// Lets a redirect pass.
    pub(crate) fn check_redirect(&self, from: &Url, to: &Url) -> Result<(), Error> {
        let refused = |rule| Err(Error::FetchNotAllowed { to: origin(to), rule });
        if from.scheme() == "https" && to.scheme() != "https" {
            return refused(format!("`{}` redirects there, from https to plain http", origin(from)));
        }
        match self.rule(to) {
            Ok(()) => Ok(()),
            Err(rule) => refused(format!("`{}` redirects there, and {rule}", origin(from))),
        }
    }

    /// The same, as the rule that is broken.
    pub(crate) fn rule(&self, url: &Url) -> Result<(), String> {
        if !self.network_access {
            return Err("plugin.yaml has no `security.network_access: true`".to_owned());
        }
        if self.allowed.iter().any(|host| host.allows(url)) {
            return Ok(());
        }
        let host = url.host_str().unwrap_or_default();
        let host = url.port().map_or(host.to_owned(), |port| format!("{host}:{port}"));
        Err(format!("plugin.yaml does not list it; add `{host}` under `security.allowed_hosts`"))
    }

    /// Why an address may not be connected to for this URL; `None` when it may.
    pub(crate) fn refuses(&self, url: &Url, address: IpAddr) -> Option<String> {
        if is_public_address(address) {
            return None;
        }
        let host = url.host_str().unwrap_or_default();
        let lists = self.allowed.iter().any(|allowed| allowed.is_one() && allowed.allows(url));
        let operator = self.private.iter().any(|allowed| allowed.allows(url));
        let rule = match (lists, operator) {
            (true, true) => return None,
            (false, _) => "list that very host, not a pattern, under `security.allowed_hosts` of plugin.yaml",
            (true, false) => "the operator may allow it with `fetch_private_hosts` in the host's configuration",
        };
        Some(format!("`{host}` is {address}, inside a private network; {rule}"))
    }
}

/// The URL that a plugin names.
pub(crate) fn url(path: &str, query: Option<&str>) -> Result<Url, Error> {
    let refused = |rule| Error::FetchUrl { rule, found: quoted(path) };
    let mut url =
        Url::parse(path).map_err(|_| refused("is an absolute one, such as `https://api.example.com/path`"))?;
    if !matches!(url.scheme(), "http" | "https") {
        return Err(refused("begins with https:// or http://"));
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err(refused("carries no user and password; use the header `authorization`"));
    }
    match (query, url.query()) {
        (Some(query), None) => url.set_query(Some(query)),
        (Some(_), Some(_)) => return Err(refused("has no query beside the one that is given with it")),
        (None, _) => {}
    }
    url.set_fragment(None);
    Ok(url)
}

/// Scheme, host and port, for people: a path may hold secrets.
pub(crate) fn origin(url: &Url) -> String {
    url.origin().ascii_serialization()
}
