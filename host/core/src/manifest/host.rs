//! A server that the host may fetch from for a plugin.

use std::fmt;
use std::str::FromStr;

use url::{Host, Url};

/// A pattern of hosts, `host` or `host:port`: a name, an address, or `*.` and a name for all its subdomains. Without a
/// port, the default port of the URL's scheme.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct AllowedHost {
    host: Host,
    /// Whether the pattern matches the subdomains of `host` instead of `host`.
    below: bool,
    port: Option<u16>,
}

const RULE: &str =
    "must be a host such as `api.example.com`, `*.example.org` or `127.0.0.1:8080`, without scheme and path";

impl AllowedHost {
    /// Returns whether the pattern matches the host of a URL. URLs other than http and https never match.
    pub fn allows(&self, url: &Url) -> bool {
        let usual = match url.scheme() {
            "http" => 80,
            "https" => 443,
            _ => return false,
        };
        let names_host = match (url.host(), &self.host) {
            (Some(Host::Domain(asked)), Host::Domain(name)) if self.below => {
                // The match must start at a dot, so that `*.example.org` does not match `badexample.org`.
                asked.strip_suffix(name.as_str()).is_some_and(|rest| rest.len() > 1 && rest.ends_with('.'))
            }
            (Some(asked), host) => !self.below && asked.to_owned() == *host,
            (None, _) => false,
        };
        names_host && url.port_or_known_default() == Some(self.port.unwrap_or(usual))
    }

    /// Returns whether the pattern names a single host.
    pub fn is_one(&self) -> bool {
        !self.below
    }
}

impl FromStr for AllowedHost {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<AllowedHost, &'static str> {
        if text.contains('/') {
            return Err(RULE);
        }
        let (host, port) = match text.rsplit_once(':') {
            // The last colon of a bare `[::1]` is inside its brackets.
            Some((host, port)) if !port.ends_with(']') => {
                let is_number = !port.is_empty() && port.bytes().all(|byte| byte.is_ascii_digit());
                let port = if is_number { port.parse().ok().filter(|port| *port != 0) } else { None };
                (host, Some(port.ok_or("must have a port from 1 to 65535 after the `:`")?))
            }
            _ => (text, None),
        };
        let (host, below) = match host.strip_prefix("*.") {
            Some(name) => (name, true),
            None => (host, false),
        };
        if host.ends_with('.') || host.contains('*') {
            return Err(RULE);
        }
        let host = Host::parse(host).map_err(|_| RULE)?;
        match (&host, below) {
            (Host::Domain(name), true) if !name.contains('.') => {
                Err("must not be everything below a top-level domain; name the domain, such as `*.example.org`")
            }
            (Host::Ipv4(_) | Host::Ipv6(_), true) => Err(RULE),
            _ => Ok(AllowedHost { host, below, port }),
        }
    }
}

impl fmt::Display for AllowedHost {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}{}", if self.below { "*." } else { "" }, self.host)?;
        self.port.map_or(Ok(()), |port| write!(f, ":{port}"))
    }
}

impl fmt::Debug for AllowedHost {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_host_allows_itself_on_its_port() {
        for (host, url, expected) in [
            ("api.example.com", "https://api.example.com/x", true),
            ("api.example.com", "http://API.example.com/x", true),
            ("api.example.com", "https://api.example.com:443/", true),
            ("api.example.com", "https://api.example.com:80/", false),
            ("api.example.com", "http://api.example.com:8080/", false),
            ("api.example.com", "https://example.com/", false),
            ("api.example.com", "https://x.api.example.com/", false),
            ("api.example.com", "https://api.example.com.evil.org/", false),
            ("api.example.com", "https://api.example.com@evil.org/", false),
            ("api.example.com", "ftp://api.example.com/", false),
            ("api.example.com:8443", "https://api.example.com:8443/", true),
            ("api.example.com:8443", "https://api.example.com/", false),
            ("*.example.org", "https://a.example.org/", true),
            ("*.example.org", "https://a.b.example.org/", true),
            ("*.example.org", "https://example.org/", false),
            ("*.example.org", "https://.example.org/", false),
            ("*.example.org", "https://badexample.org/", false),
            ("127.0.0.1:8080", "http://127.0.0.1:8080/", true),
            ("127.0.0.1:8080", "http://0x7f.1:8080/", true),
            ("127.0.0.1:8080", "http://localhost:8080/", false),
            ("[::1]:80", "http://[::1]/", true),
            ("[::1]", "http://[0::1]/", true),
            ("bücher.example", "https://xn--bcher-kva.example/", true),
        ] {
            let host: AllowedHost = host.parse().unwrap();
            assert_eq!(host.allows(&Url::parse(url).unwrap()), expected, "{host} {url}");
        }
    }

    #[test]
    fn invalid_hosts_are_refused() {
        for text in [
            "",
            "*",
            "*.",
            "*.org",
            "*.127.0.0.1",
            "a.*.org",
            "https://a.example",
            "a.example/x",
            "a.example:",
            "a.example:0",
            "a.example:65536",
            "a.example:+1",
            "a.example.",
            "a b",
            "user@a.example",
            "::1",
        ] {
            assert!(text.parse::<AllowedHost>().is_err(), "{text}");
        }
    }

    #[test]
    fn a_host_parses_the_text_it_displays() {
        for text in ["api.example.com", "*.example.org:8443", "127.0.0.1:8080", "[::1]:80"] {
            assert_eq!(text.parse::<AllowedHost>().unwrap().to_string(), text);
        }
    }
}
