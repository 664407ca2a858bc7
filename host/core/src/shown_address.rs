//! Formats addresses for messages and logs, without the parts that may be secret.

/// Returns the beginning of an address for messages and logs: without user, password, query and fragment, which may
/// contain secrets. The text may be anything that somebody wrote instead of an address.
pub fn shown_address(text: &str) -> String {
    let (scheme, rest) = match text.find("://") {
        Some(at) => text.split_at(at + 3),
        None => ("", text),
    };
    let (rest, cut) = match rest.find(['?', '#']) {
        Some(at) => (&rest[..at], true),
        None => (rest, false),
    };
    let (authority, path) = rest.split_at(rest.find(['/', '\\']).unwrap_or(rest.len()));
    let host = authority.rsplit('@').next().unwrap_or_default();
    let is_port = |port: &str| port.bytes().all(|byte| byte.is_ascii_digit());
    // `user:pass/word@host` is not an address, and its authority ends inside of the password.
    let (host, path, cut) = match host.split_once(':') {
        Some((host, port)) if !scheme.is_empty() && !host.starts_with('[') && !is_port(port) => (host, "", true),
        _ => (host, path, cut),
    };
    let mut shown = crate::shown(&format!("{scheme}{host}{path}"), 120);
    if cut && !shown.ends_with('…') {
        shown.push('…');
    }
    shown
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_shown_without_what_may_be_secret() {
        for (text, expected) in [
            ("https://github.com/acme/hello@v1", "https://github.com/acme/hello@v1"),
            ("https://git.example.org:8443/a", "https://git.example.org:8443/a"),
            ("https://user:s3cret@github.com/acme/hello", "https://github.com/acme/hello"),
            ("https://s3cret@github.com/acme/hello", "https://github.com/acme/hello"),
            ("https://user:s3/cret@github.com/acme", "https://user…"),
            ("https://user:s3@cret@github.com/acme", "https://github.com/acme"),
            ("https://github.com/a/b?token=s3cret", "https://github.com/a/b…"),
            ("https://github.com/a/b#access_token=s3cret", "https://github.com/a/b…"),
            ("https://github.com?s3cret@x/a", "https://github.com…"),
            ("user:s3cret@github.com/acme", "github.com/acme"),
            ("acme/hello?token=s3cret", "acme/hello…"),
            ("https://[::1]:80/a", "https://[::1]:80/a"),
            ("main?token=s3cret", "main…"),
            ("", ""),
        ] {
            assert_eq!(shown_address(text), expected, "{text}");
        }
    }
}
