//! Durations as they are shown to people.

use std::fmt;
use std::time::Duration;

/// A duration that displays with two to four significant digits and a unit: `42 us`, `210 ms`, `30 s`, `1 h 2 min`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Span {
    seconds: f64,
}

impl Span {
    /// Creates the span of a duration.
    pub fn new(duration: Duration) -> Span {
        Span { seconds: duration.as_secs_f64() }
    }

    /// Creates the span of a number of milliseconds.
    pub fn from_ms(milliseconds: f64) -> Span {
        Span { seconds: milliseconds.max(0.0) / 1e3 }
    }
}

impl fmt::Display for Span {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Span { seconds } = *self;
        // A part that is zero is left out: `2 min`, not `2 min 0 s`.
        let two = |f: &mut fmt::Formatter<'_>, n_small: f64, per_large: u64, large: &str, small: &str| {
            let n_small = n_small as u64;
            match (n_small / per_large, n_small % per_large) {
                (n_large, 0) => write!(f, "{n_large} {large}"),
                (n_large, rest) => write!(f, "{n_large} {large} {rest} {small}"),
            }
        };
        match seconds {
            s if s < 0.000_999_5 => write!(f, "{:.0} us", s * 1e6),
            s if s < 0.009_95 => write!(f, "{} ms", tenths(s * 1e3)),
            s if s < 0.999_5 => write!(f, "{:.0} ms", s * 1e3),
            s if s < 59.95 => write!(f, "{} s", tenths(s)),
            s if s < 3_599.5 => two(f, s.round(), 60, "min", "s"),
            s if s < 86_370.0 => two(f, (s / 60.0).round(), 60, "h", "min"),
            s => two(f, (s / 3_600.0).round(), 24, "d", "h"),
        }
    }
}

/// Formats a number with one decimal, or without decimals if it is whole.
fn tenths(number: f64) -> String {
    let text = format!("{number:.1}");
    text.strip_suffix(".0").map(str::to_owned).unwrap_or(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_duration_has_two_to_four_significant_digits() {
        for (milliseconds, expected) in [
            (0.0, "0 us"),
            (0.0421, "42 us"),
            (0.9999, "1 ms"),
            (3.44, "3.4 ms"),
            (9.97, "10 ms"),
            (210.4, "210 ms"),
            (999.9, "1 s"),
            (12_345.0, "12.3 s"),
            (30_000.0, "30 s"),
            (59_990.0, "1 min"),
            (75_000.0, "1 min 15 s"),
            (600_000.0, "10 min"),
            (3_599_900.0, "1 h"),
            (3_720_000.0, "1 h 2 min"),
            (86_400_000.0, "1 d"),
            (180_000_000.0, "2 d 2 h"),
        ] {
            assert_eq!(Span::from_ms(milliseconds).to_string(), expected);
        }
        assert_eq!(Span::new(Duration::from_millis(1_500)).to_string(), "1.5 s");
        assert_eq!(Span::from_ms(-1.0).to_string(), "0 us");
    }
}
