//! Sizes in bytes as they are shown to people.

use std::fmt;

/// A number of bytes that displays exactly, in the largest unit that divides it: `64 MiB`, `20 GB`, `65537 bytes`.
///
/// Limits are printed with it, so that the printed number is the enforced one. The host's settings accept the same
/// texts. Measured sizes are shown with [`Size::rounded`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Size(u64);

/// Units and their bytes. Binary units come first, so that 1 GiB is not shown as a number of KB.
const UNITS: [(&str, u64); 6] =
    [("GiB", 1 << 30), ("MiB", 1 << 20), ("GB", 1_000_000_000), ("MB", 1_000_000), ("KiB", 1 << 10), ("KB", 1_000)];

impl Size {
    /// The size of `bytes` bytes.
    pub const fn new(bytes: u64) -> Size {
        Size(bytes)
    }

    /// The size of `bytes` bytes in memory.
    pub const fn from_usize(bytes: usize) -> Size {
        // A `usize` has at most 64 bits on every platform that Rust supports.
        Size(bytes as u64)
    }

    /// The size as the value of a setting, without a space: `1GiB`, `1001B`.
    pub fn as_setting(self) -> String {
        let (number, unit) = self.in_unit().unwrap_or((self.0, "B"));
        format!("{number}{unit}")
    }

    /// The size with one decimal and a binary unit, for measured sizes: `436.8 MiB`.
    pub fn rounded(self) -> String {
        let Size(bytes) = self;
        // A size that would be rounded to 1024 of a unit is shown in the next unit.
        match bytes as f64 {
            b if b < 1_024.0 => self.to_string(),
            b if b < 1_023.95 * 1_024.0 => format!("{:.1} KiB", b / 1_024.0),
            b if b < 1_023.95 * 1_048_576.0 => format!("{:.1} MiB", b / 1_048_576.0),
            b => format!("{:.1} GiB", b / 1_073_741_824.0),
        }
    }

    /// The largest unit that divides the size, with the number of units; `None` for a small or odd number of bytes.
    fn in_unit(self) -> Option<(u64, &'static str)> {
        let Size(bytes) = self;
        let is_exact = |(_, unit): &(&str, u64)| bytes >= *unit && bytes.is_multiple_of(*unit);
        let (name, unit) = UNITS.into_iter().find(is_exact)?;
        // 3000 bytes are easier to compare with other small numbers than 3 KB.
        (name != "KB" || bytes >= 10_000).then_some((bytes / unit, name))
    }
}

impl fmt::Display for Size {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Size(bytes) = *self;
        match self.in_unit() {
            Some((number, unit)) => write!(f, "{number} {unit}"),
            None if bytes == 1 => f.write_str("1 byte"),
            None => write!(f, "{bytes} bytes"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_size_is_shown_exactly_in_its_largest_unit() {
        for (bytes, shown) in [
            (0, "0 bytes"),
            (1, "1 byte"),
            (999, "999 bytes"),
            (3_000, "3000 bytes"),
            (10_000, "10 KB"),
            (1_024, "1 KiB"),
            (65_536, "64 KiB"),
            (65_537, "65537 bytes"),
            (67_108_864, "64 MiB"),
            (100_000_000, "100 MB"),
            (1_500_000, "1500 KB"),
            (4 << 30, "4 GiB"),
            (20_000_000_000, "20 GB"),
            // Divisible by a binary and a decimal unit: the larger unit is used.
            (1_024_000_000, "1024 MB"),
            (1_048_576_000, "1000 MiB"),
        ] {
            assert_eq!(Size::new(bytes).to_string(), shown);
        }
    }

    #[test]
    fn a_measured_size_has_one_decimal_and_a_binary_unit() {
        for (bytes, shown) in [
            (0, "0 bytes"),
            (1, "1 byte"),
            (1_023, "1023 bytes"),
            (1_024, "1.0 KiB"),
            (4_200, "4.1 KiB"),
            (880_000, "859.4 KiB"),
            (1_048_575, "1.0 MiB"),
            (9_000_000, "8.6 MiB"),
            (20_000_000_000, "18.6 GiB"),
        ] {
            assert_eq!(Size::new(bytes).rounded(), shown);
        }
    }

    #[test]
    fn a_size_is_a_setting_without_a_space() {
        for (bytes, shown) in
            [(20_000_000_000, "20GB"), (1 << 30, "1GiB"), (1_500_000, "1500KB"), (1_001, "1001B"), (0, "0B")]
        {
            assert_eq!(Size::new(bytes).as_setting(), shown);
        }
    }
}
