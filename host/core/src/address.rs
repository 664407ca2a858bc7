//! Network addresses that the host may connect to on behalf of plugins and API clients.
//!
//! The ranges are those of the IANA special-purpose address registries for IPv4 and IPv6 (RFC 6890 and its successors).

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// IPv4 ranges that do not lead to the public internet, as network and prefix length.
const DENIED_V4: &[([u8; 4], u32)] = &[
    ([0, 0, 0, 0], 8),
    ([10, 0, 0, 0], 8),
    ([100, 64, 0, 0], 10),
    ([127, 0, 0, 0], 8),
    ([169, 254, 0, 0], 16),
    ([172, 16, 0, 0], 12),
    ([192, 0, 0, 0], 24),
    ([192, 0, 2, 0], 24),
    // The relays of 6to4, which RFC 7526 withdrew.
    ([192, 88, 99, 0], 24),
    ([192, 168, 0, 0], 16),
    ([198, 18, 0, 0], 15),
    ([198, 51, 100, 0], 24),
    ([203, 0, 113, 0], 24),
    // Multicast, reserved addresses and broadcast.
    ([224, 0, 0, 0], 3),
];

/// The range from which IANA assigns public IPv6 addresses. Everything outside of it is private, reserved or
/// unassigned: loopback, site-local (fec0::/10), unique local, link-local, multicast, discard (100::/64), local
/// translation (64:ff9b:1::/48), IPv4-translated (::ffff:0:0:0/96), segment routing (5f00::/16).
const ASSIGNED_V6: ([u16; 8], u32) = ([0x2000, 0, 0, 0, 0, 0, 0, 0], 3);

/// Ranges inside of [`ASSIGNED_V6`] that do not lead to the public internet.
const DENIED_V6: &[([u16; 8], u32)] = &[
    // Protocol assignments, among them Teredo, benchmarking and ORCHID.
    ([0x2001, 0, 0, 0, 0, 0, 0, 0], 23),
    // Documentation.
    ([0x2001, 0xdb8, 0, 0, 0, 0, 0, 0], 32),
    ([0x3fff, 0, 0, 0, 0, 0, 0, 0], 20),
];

/// Returns whether an address is on the public internet. An IPv6 address that embeds an IPv4 address is public if the
/// IPv4 address is.
pub fn is_public_address(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(address) => is_public_v4(address),
        IpAddr::V6(address) => match embedded_v4(address) {
            Some(address) => is_public_v4(address),
            None => is_in_v6(address, &ASSIGNED_V6) && !DENIED_V6.iter().any(|range| is_in_v6(address, range)),
        },
    }
}

fn is_public_v4(address: Ipv4Addr) -> bool {
    let bits = address.to_bits();
    !DENIED_V4.iter().any(|(network, length)| (bits ^ Ipv4Addr::from(*network).to_bits()).leading_zeros() >= *length)
}

fn is_in_v6(address: Ipv6Addr, (network, length): &([u16; 8], u32)) -> bool {
    (address.to_bits() ^ Ipv6Addr::from(*network).to_bits()).leading_zeros() >= *length
}

/// The IPv4 address that the kernel or a public router connects to for an IPv6 address.
fn embedded_v4(address: Ipv6Addr) -> Option<Ipv4Addr> {
    let bits = address.to_bits();
    match address.segments() {
        // Mapped (::ffff:0:0/96) and NAT64 (64:ff9b::/96): the last 32 bits.
        [0, 0, 0, 0, 0, 0xffff, ..] | [0x64, 0xff9b, 0, 0, 0, 0, ..] => Some(Ipv4Addr::from_bits(bits as u32)),
        // 6to4: the bits after the prefix.
        [0x2002, ..] => Some(Ipv4Addr::from_bits((bits >> 80) as u32)),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_of_the_special_purpose_registries_are_not_public() {
        for (address, expected) in [
            ("140.82.121.4", true),
            ("1.1.1.1", true),
            ("100.63.255.255", true),
            ("172.32.0.1", true),
            ("2606:50c0:8000::153", true),
            ("::ffff:140.82.121.4", true),
            ("64:ff9b::8c52:7904", true),
            ("0.0.0.0", false),
            ("10.1.2.3", false),
            ("100.64.0.1", false),
            ("100.127.255.255", false),
            ("127.0.0.1", false),
            ("169.254.169.254", false),
            ("172.16.0.1", false),
            ("172.31.255.255", false),
            ("192.0.0.8", false),
            ("192.0.2.1", false),
            ("192.168.1.1", false),
            ("198.19.255.255", false),
            ("198.51.100.1", false),
            ("203.0.113.1", false),
            ("224.0.0.1", false),
            ("255.255.255.255", false),
            ("::", false),
            ("::1", false),
            ("fd00::1", false),
            ("fe80::1", false),
            ("ff02::1", false),
            ("2001:db8::1", false),
            ("::ffff:127.0.0.1", false),
            ("::127.0.0.1", false),
            ("64:ff9b::7f00:1", false),
            ("2002:7f00:1::", false),
            ("2002:a9fe:a9fe::1", false),
            // Teredo, with 127.0.0.1 and 140.82.121.4, which are inverted.
            ("2001:0:1:2:3:4:80ff:fffe", false),
            ("2001:0:1:2:3:4:73ad:86fb", false),
            ("192.88.99.1", false),
            ("192.88.100.1", true),
            ("2002:8c52:7904::1", true),
            ("2a00:1450:4001::1", true),
            ("2001:200::1", true),
            ("2620:4f:8000::1", true),
            ("3ffe::1", true),
            // IPv4-compatible and IPv4-translated addresses are no longer used.
            ("::140.82.121.4", false),
            ("::ffff:0:140.82.121.4", false),
            ("::ffff:0:127.0.0.1", false),
            ("fec0::1", false),
            ("feff::1", false),
            ("64:ff9b:1::1", false),
            ("64:ff9b:1:2:3:4:8c52:7904", false),
            ("64:ff9b::a00:1", false),
            ("100::1", false),
            ("100:0:0:1::1", false),
            ("2001:2::1", false),
            ("2001:10::1", false),
            ("2001:20::1", false),
            ("2001:1ff::1", false),
            ("3fff::1", false),
            ("3fff:fff::1", false),
            ("4000::1", false),
            ("5f00::1", false),
            ("fc00::1", false),
            ("febf::1", false),
        ] {
            assert_eq!(is_public_address(address.parse().unwrap()), expected, "{address}");
        }
    }
}
