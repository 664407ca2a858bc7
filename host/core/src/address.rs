//! Network addresses that the host may connect to on behalf of plugins and API clients.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// Ranges that do not lead to the public internet, as network and prefix length.
const DENIED_V4: &[([u8; 4], u32)] = &[
    ([0, 0, 0, 0], 8),
    ([10, 0, 0, 0], 8),
    ([100, 64, 0, 0], 10),
    ([127, 0, 0, 0], 8),
    ([169, 254, 0, 0], 16),
    ([172, 16, 0, 0], 12),
    ([192, 0, 0, 0], 24),
    ([192, 0, 2, 0], 24),
    ([192, 168, 0, 0], 16),
    ([198, 18, 0, 0], 15),
    ([198, 51, 100, 0], 24),
    ([203, 0, 113, 0], 24),
    ([224, 0, 0, 0], 3),
];

const DENIED_V6: &[([u16; 8], u32)] = &[
    ([0, 0, 0, 0, 0, 0, 0, 0], 128),
    ([0, 0, 0, 0, 0, 0, 0, 1], 128),
    ([0xfc00, 0, 0, 0, 0, 0, 0, 0], 7),
    ([0xfe80, 0, 0, 0, 0, 0, 0, 0], 10),
    ([0xff00, 0, 0, 0, 0, 0, 0, 0], 8),
    ([0x2001, 0xdb8, 0, 0, 0, 0, 0, 0], 32),
];

/// Returns whether an address is on the public internet. IPv6 addresses that embed an IPv4 address are checked as both.
pub fn is_public_address(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(address) => is_public_v4(address),
        IpAddr::V6(address) => {
            let bits = address.to_bits();
            let denied = DENIED_V6
                .iter()
                .any(|(network, length)| (bits ^ Ipv6Addr::from(*network).to_bits()).leading_zeros() >= *length);
            !denied && carried_v4(address).is_none_or(is_public_v4)
        }
    }
}

fn is_public_v4(address: Ipv4Addr) -> bool {
    let bits = address.to_bits();
    !DENIED_V4.iter().any(|(network, length)| (bits ^ Ipv4Addr::from(*network).to_bits()).leading_zeros() >= *length)
}

/// The IPv4 address behind an IPv6 address that a router or the kernel translates.
fn carried_v4(address: Ipv6Addr) -> Option<Ipv4Addr> {
    let bits = address.to_bits();
    match address.segments() {
        // Mapped (::ffff:0:0/96), compatible (::/96) and NAT64 (64:ff9b::/96): the last 32 bits.
        [0, 0, 0, 0, 0, 0xffff | 0, ..] | [0x64, 0xff9b, 0, 0, 0, 0, ..] => Some(Ipv4Addr::from_bits(bits as u32)),
        // 6to4: the bits after the prefix.
        [0x2002, ..] => Some(Ipv4Addr::from_bits((bits >> 80) as u32)),
        // Teredo: the last 32 bits, inverted.
        [0x2001, 0, ..] => Some(Ipv4Addr::from_bits(!bits as u32)),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_public_addresses_pass() {
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
            // 127.0.0.1 inverted at the end of a Teredo address.
            ("2001:0:1:2:3:4:80ff:fffe", false),
        ] {
            assert_eq!(is_public_address(address.parse().unwrap()), expected, "{address}");
        }
    }
}
