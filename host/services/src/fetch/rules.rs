//! The URLs and addresses that a plugin may fetch from.

use std::net::IpAddr;

use host_core::manifest::Security;
use host_core::{AllowedHost, is_public_address, shown_address};
use url::Url;

use crate::error::Error;

/// The hosts that plugin.yaml and the operator allow.
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

    /// Accepts a URL that plugin.yaml allows.
    pub(crate) fn check(&self, url: &Url) -> Result<(), Error> {
        self.rule(url).map_err(|rule| Error::FetchNotAllowed { to: origin(url), rule })
    }

    /// Accepts a redirect.
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

    /// Accepts a URL that plugin.yaml allows; the error names the broken rule.
    pub(crate) fn rule(&self, url: &Url) -> Result<(), String> {
        if !self.network_access {
            return Err("plugin.yaml does not set `security.network_access: true`".to_owned());
        }
        if self.allowed.iter().any(|host| host.allows(url)) {
            return Ok(());
        }
        let host = url.host_str().unwrap_or_default();
        let host = url.port().map_or(host.to_owned(), |port| format!("{host}:{port}"));
        Err(format!("plugin.yaml does not list the host; add `{host}` under `security.allowed_hosts`"))
    }

    /// The reason why a connection to an address is refused for this URL; `None` if it is allowed.
    pub(crate) fn refuses(&self, url: &Url, address: IpAddr) -> Option<String> {
        if is_public_address(address) {
            return None;
        }
        let host = url.host_str().unwrap_or_default();
        let lists = self.allowed.iter().any(|allowed| allowed.is_one() && allowed.allows(url));
        let operator = self.private.iter().any(|allowed| allowed.allows(url));
        let rule = match (lists, operator) {
            (true, true) => return None,
            (false, _) => "list the exact host, not a pattern, under `security.allowed_hosts` in plugin.yaml",
            (true, false) => "an operator can allow it with `fetch_private_hosts` in the host configuration",
        };
        Some(format!("`{host}` resolves to {address}, a private address; {rule}"))
    }
}

/// Reads the URL of a request.
pub(crate) fn url(path: &str, query: Option<&str>) -> Result<Url, Error> {
    let refused = |rule| Error::FetchUrl { rule, found: format!("`{}`", shown_address(path)) };
    let mut url = Url::parse(path).map_err(|_| refused("must be absolute, such as `https://api.example.com/path`"))?;
    if !matches!(url.scheme(), "http" | "https") {
        return Err(refused("must start with https:// or http://"));
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err(refused("must not contain a user or password; use the header `authorization`"));
    }
    match (query, url.query()) {
        (Some(query), None) => url.set_query(Some(query)),
        (Some(_), Some(_)) => return Err(refused("must not have a query in addition to the one given separately")),
        (None, _) => {}
    }
    url.set_fragment(None);
    Ok(url)
}

/// Scheme, host and port, for messages: a path may contain secrets.
pub(crate) fn origin(url: &Url) -> String {
    url.origin().ascii_serialization()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rules(allowed: &[&str], private: &[&str]) -> Rules {
        let hosts = |hosts: &[&str]| hosts.iter().map(|host| host.parse().unwrap()).collect::<Vec<AllowedHost>>();
        let security = Security { network_access: true, allowed_hosts: hosts(allowed), ..Security::default() };
        Rules::new(&security, &hosts(private))
    }

    #[test]
    fn a_private_address_needs_plugin_yaml_and_the_operator() {
        let one = "db.example.org";
        let pattern = "*.example.org";
        for (allowed, private, address, expected) in [
            (vec![pattern], vec![], "93.184.216.34", true),
            (vec![one], vec![one], "10.0.0.1", true),
            (vec![one], vec![pattern], "10.0.0.1", true),
            (vec![pattern, one], vec![one], "10.0.0.1", true),
            (vec![pattern], vec![one], "10.0.0.1", false),
            (vec![pattern], vec![pattern], "10.0.0.1", false),
            (vec![one], vec![], "10.0.0.1", false),
            (vec![one], vec!["db.example.org:444"], "10.0.0.1", false),
            (vec![one], vec![], "::1", false),
            (vec![one], vec![], "::ffff:169.254.169.254", false),
        ] {
            let url = Url::parse("https://db.example.org/").unwrap();
            let refused = rules(&allowed, &private).refuses(&url, address.parse().unwrap());
            assert_eq!(refused.is_none(), expected, "{allowed:?} {private:?} {address}: {refused:?}");
        }
    }

    #[test]
    fn a_redirect_from_https_to_http_is_refused() {
        let rules = rules(&["a.example"], &[]);
        for (from, to, expected) in [
            ("https://a.example/", "https://a.example/x", true),
            ("http://a.example/", "https://a.example/x", true),
            ("http://a.example/", "http://a.example/x", true),
            ("https://a.example/", "http://a.example/x", false),
            ("https://a.example/", "https://b.example/x", false),
        ] {
            let checked = rules.check_redirect(&Url::parse(from).unwrap(), &Url::parse(to).unwrap());
            assert_eq!(checked.is_ok(), expected, "{from} {to}");
        }
    }
}
