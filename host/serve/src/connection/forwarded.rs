//! The client address that trusted proxies report.

use std::net::{IpAddr, SocketAddr};

use http::header::{FORWARDED, HeaderMap, HeaderName};

use crate::connection::network::Network;

pub(crate) const X_FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");

/// Returns the client's address if a trusted proxy sent the request and reports one. Of the reported addresses, the
/// last address that is not a trusted proxy counts: the client may have forged the addresses before it.
pub(crate) fn client(headers: &HeaderMap, peer: IpAddr, trusted: &[Network]) -> Option<IpAddr> {
    let is_trusted = |address: IpAddr| trusted.iter().any(|network| network.contains(address));
    if trusted.is_empty() || !is_trusted(peer) {
        return None;
    }
    let mut client = None;
    for hop in hops(headers).into_iter().rev() {
        // Addresses before an unreadable one are not trustworthy.
        let Some(address) = hop else { break };
        client = Some(address);
        if !is_trusted(address) {
            break;
        }
    }
    client
}

/// Returns all hops, the client first; `None` for a hop without an address.
fn hops(headers: &HeaderMap) -> Vec<Option<IpAddr>> {
    let texts = |name: HeaderName| headers.get_all(name).iter().map(|value| value.to_str().unwrap_or_default());
    if headers.contains_key(FORWARDED) {
        let hops = texts(FORWARDED).flat_map(|value| value.split(','));
        return hops.map(|hop| address(parameter(hop, "for")?)).collect();
    }
    texts(X_FORWARDED_FOR).flat_map(|value| value.split(',')).map(address).collect()
}

/// Returns a parameter of `for=…;by=…` (RFC 7239 §4).
fn parameter<'a>(hop: &'a str, name: &str) -> Option<&'a str> {
    let mut pairs = hop.split(';').filter_map(|pair| pair.split_once('='));
    pairs.find(|(found, _)| found.trim().eq_ignore_ascii_case(name)).map(|(_, value)| value)
}

/// Parses an address with or without port, quotes and brackets.
fn address(text: &str) -> Option<IpAddr> {
    let text = text.trim().trim_matches('"');
    if let Ok(address) = text.parse::<IpAddr>() {
        return Some(address.to_canonical());
    }
    let in_brackets = text.strip_prefix('[').and_then(|text| text.strip_suffix(']'));
    let address = match in_brackets {
        Some(address) => address.parse().ok(),
        None => text.parse::<SocketAddr>().ok().map(|address| address.ip()),
    };
    address.map(|address| address.to_canonical())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_untrusted_forwarded_address_is_the_client() {
        let trusted: Vec<Network> = ["10.0.0.0/8", "::1"].iter().map(|text| text.parse().unwrap()).collect();
        for (peer, headers, expected) in [
            ("10.0.0.1", &[("x-forwarded-for", "203.0.113.9")][..], Some("203.0.113.9")),
            ("10.0.0.1", &[("x-forwarded-for", "1.1.1.1, 203.0.113.9, 10.0.0.2")], Some("203.0.113.9")),
            ("10.0.0.1", &[("x-forwarded-for", "1.1.1.1"), ("x-forwarded-for", "2.2.2.2:80")], Some("2.2.2.2")),
            ("10.0.0.1", &[("x-forwarded-for", "10.0.0.3, 10.0.0.2")], Some("10.0.0.3")),
            ("10.0.0.1", &[("x-forwarded-for", "1.1.1.1, unknown, 10.0.0.2")], Some("10.0.0.2")),
            ("10.0.0.1", &[("x-forwarded-for", "nonsense")], None),
            ("10.0.0.1", &[], None),
            ("203.0.113.1", &[("x-forwarded-for", "1.1.1.1")], None),
            ("::1", &[("forwarded", "for=\"[2001:db8::7]:4711\";proto=https")], Some("2001:db8::7")),
            ("::1", &[("forwarded", "for=1.1.1.1, For=2.2.2.2;by=x"), ("x-forwarded-for", "9.9.9.9")], Some("2.2.2.2")),
            ("::1", &[("forwarded", "for=1.1.1.1, for=_hidden")], None),
            ("::1", &[("forwarded", "for=\"[2001:db8::8]\"")], Some("2001:db8::8")),
        ] {
            let mut map = HeaderMap::new();
            for (name, value) in headers {
                map.append(*name, value.parse().unwrap());
            }
            let found = client(&map, peer.parse().unwrap(), &trusted);
            assert_eq!(found, expected.map(|text| text.parse().unwrap()), "{peer} {headers:?}");
        }
    }
}
