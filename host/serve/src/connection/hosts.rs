//! The allowed names in the `Host` header: protection against DNS rebinding.
//!
//! A page of `evil.example` can make its name resolve to 127.0.0.1 and then call this host as its own origin. Such
//! requests carry that name in `Host`, so names must be listed. IP addresses need not be listed, since they cannot be
//! rebound.

use std::net::{Ipv4Addr, Ipv6Addr};

/// Longest DNS name.
const MAX_NAME_BYTES: usize = 253;

/// The allowed names.
#[derive(Debug, Default)]
pub(crate) struct AllowedHosts {
    any: bool,
    names: Vec<String>,
    /// The suffixes of the wildcards, with the leading dot.
    below: Vec<String>,
}

/// A host and port, from a `Host` header or a request target.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct HostHeader<'a> {
    /// Without the brackets of an IPv6 address.
    name: &'a str,
    is_v6: bool,
    port: Option<u16>,
}

/// Returns whether a text is a valid entry of `allowed_hosts`: a name without port, `*.` and a name, or `*`.
pub fn is_allowed_host(text: &str) -> bool {
    let name = text.strip_prefix("*.").unwrap_or(text);
    text == "*" || (is_name(name) && !name.ends_with('.'))
}

impl AllowedHosts {
    pub(crate) fn new(listed: &[String]) -> AllowedHosts {
        let mut hosts = AllowedHosts::default();
        for text in listed.iter().map(|text| text.to_ascii_lowercase()) {
            match text.strip_prefix('*') {
                Some("") => hosts.any = true,
                Some(below) => hosts.below.push(below.to_owned()),
                None => hosts.names.push(text),
            }
        }
        hosts
    }

    /// Returns whether requests for this host are accepted.
    pub(crate) fn allow(&self, host: &HostHeader<'_>) -> bool {
        if self.any || host.is_v6 || host.name.parse::<Ipv4Addr>().is_ok() {
            return true;
        }
        // `localhost.` is the same name.
        let name = host.name.strip_suffix('.').unwrap_or(host.name);
        let is_below = |below: &String| {
            name.len()
                .checked_sub(below.len())
                .is_some_and(|at| at > 0 && name.as_bytes()[at..].eq_ignore_ascii_case(below.as_bytes()))
        };
        name.eq_ignore_ascii_case("localhost")
            || self.names.iter().any(|listed| listed.eq_ignore_ascii_case(name))
            || self.below.iter().any(is_below)
    }
}

impl<'a> HostHeader<'a> {
    /// Parses `name`, `name:port`, `[address]` or `[address]:port`.
    pub(crate) fn read(text: &'a str) -> Option<HostHeader<'a>> {
        let (name, is_v6, rest) = match text.strip_prefix('[') {
            Some(inside) => {
                let (address, rest) = inside.split_once(']')?;
                address.parse::<Ipv6Addr>().ok()?;
                (address, true, rest)
            }
            None => {
                let (name, rest) = text.split_at(text.find(':').unwrap_or(text.len()));
                (name, false, rest)
            }
        };
        if !is_v6 && !is_name(name) {
            return None;
        }
        let port = match rest.strip_prefix(':') {
            None if rest.is_empty() => None,
            Some("") => None,
            Some(digits) if digits.bytes().all(|c| c.is_ascii_digit()) => Some(digits.parse().ok()?),
            _ => return None,
        };
        Some(HostHeader { name, is_v6, port })
    }

    /// Returns whether both name the same host and port.
    pub(crate) fn is(&self, other: &HostHeader<'_>, default_port: u16) -> bool {
        self.name.eq_ignore_ascii_case(other.name)
            && self.port.unwrap_or(default_port) == other.port.unwrap_or(default_port)
    }

    /// The name, for messages.
    pub(crate) fn name(&self) -> &str {
        self.name
    }
}

fn is_name(text: &str) -> bool {
    let is_part = |c: u8| c.is_ascii_alphanumeric() || matches!(c, b'-' | b'_' | b'.');
    (1..=MAX_NAME_BYTES).contains(&text.len()) && text.bytes().all(is_part) && !text.starts_with('.')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_must_be_listed_and_addresses_need_not() {
        let hosts = AllowedHosts::new(&["Console.example".to_owned(), "*.apps.example".to_owned()]);
        for (host, expected) in [
            ("127.0.0.1:4000", true),
            ("[::1]:4000", true),
            ("203.0.113.7", true),
            ("localhost", true),
            ("LOCALHOST.:80", true),
            ("console.example:4000", true),
            ("a.apps.example", true),
            ("a.b.APPS.example", true),
            ("apps.example", false),
            ("evilapps.example", false),
            ("xconsole.example", false),
            ("localhost.evil.example", false),
            ("127.0.0.1.evil.example", false),
            ("127.1", false),
            ("2130706433", false),
            ("0x7f000001", false),
        ] {
            assert_eq!(hosts.allow(&HostHeader::read(host).unwrap()), expected, "{host}");
        }
        assert!(AllowedHosts::new(&["*".to_owned()]).allow(&HostHeader::read("evil.example").unwrap()));
    }

    #[test]
    fn invalid_hosts_are_rejected() {
        for text in
            ["", ":80", ".", ".a", "a b", "a/b", "u@a", "a:b", "a:80:80", "a:65536", "[::1", "[x]", "[::1]a", "::1"]
        {
            assert_eq!(HostHeader::read(text), None, "{text}");
        }
        for text in ["a", "a_b-c.d", "a.", "a:", "a:80", "[::1]", "[::ffff:1.2.3.4]:1"] {
            assert!(HostHeader::read(text).is_some(), "{text}");
        }
    }

    #[test]
    fn the_list_accepts_names_only() {
        for text in ["*", "*.a.example", "a", "a.example"] {
            assert!(is_allowed_host(text), "{text}");
        }
        for text in ["", "*.", "a:80", "http://a", "a*", "*.*.a", "a."] {
            assert!(!is_allowed_host(text), "{text}");
        }
    }
}
