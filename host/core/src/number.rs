//! Whole numbers as people type them.

use std::fmt::Display;
use std::ops::Bound::{Included, Unbounded};
use std::ops::RangeBounds;
use std::str::FromStr;

/// Reads a whole number in a range.
///
/// # Errors
/// The rule, for a sentence after the name of the value: `expected a whole number from 1 to 200`.
pub fn whole_number<N>(text: &str, range: impl RangeBounds<N>) -> Result<N, String>
where
    N: FromStr + PartialOrd + Display,
{
    let rule = match (range.start_bound(), range.end_bound()) {
        (Included(least), Included(most)) => format!(" from {least} to {most}"),
        (Included(least), Unbounded) => format!(" of at least {least}"),
        _ => String::new(),
    };
    let number = text.parse().ok().filter(|number| range.contains(number));
    number.ok_or_else(|| format!("expected a whole number{rule}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_is_read_or_the_rule_is_named() {
        assert_eq!(whole_number("20", 1..=200), Ok(20_u32));
        for text in ["-1", "0", "201", "x", "", "1.5", "99999999999999999999"] {
            assert_eq!(whole_number::<u32>(text, 1..=200).unwrap_err(), "expected a whole number from 1 to 200");
        }
        assert_eq!(whole_number::<u64>("x", 1..).unwrap_err(), "expected a whole number of at least 1");
        assert_eq!(whole_number::<u64>("x", ..).unwrap_err(), "expected a whole number");
    }
}
