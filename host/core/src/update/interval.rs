//! The interval of update checks, and durations in the format of older clients.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use super::{UpdateError, shortened};

/// The interval of update checks: whole seconds, from a minute to 30 days; an hour by default.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct UpdateInterval(Duration);

impl UpdateInterval {
    /// The minimum: servers start to refuse more frequent queries.
    pub const MIN: Duration = Duration::from_secs(60);
    /// The maximum.
    pub const MAX: Duration = Duration::from_secs(30 * 24 * 3600);

    /// Creates an interval. A fraction of a second is dropped.
    ///
    /// # Errors
    /// [`UpdateError::Interval`] outside of the bounds.
    pub fn new(interval: Duration) -> Result<UpdateInterval, UpdateError> {
        if (UpdateInterval::MIN..=UpdateInterval::MAX).contains(&interval) {
            Ok(UpdateInterval(Duration::from_secs(interval.as_secs())))
        } else {
            Err(UpdateError::Interval { found: interval })
        }
    }

    /// The nearest interval within the bounds, for clients of an older system without bounds; the response contains the
    /// interval in use.
    pub fn nearest(interval: Duration) -> UpdateInterval {
        let within = interval.clamp(UpdateInterval::MIN, UpdateInterval::MAX);
        UpdateInterval(Duration::from_secs(within.as_secs()))
    }

    /// The interval.
    pub fn duration(self) -> Duration {
        self.0
    }
}

impl Default for UpdateInterval {
    fn default() -> UpdateInterval {
        UpdateInterval(Duration::from_secs(3600))
    }
}

impl FromStr for UpdateInterval {
    type Err = UpdateError;

    fn from_str(text: &str) -> Result<UpdateInterval, UpdateError> {
        UpdateInterval::new(parse_duration(text)?)
    }
}

impl fmt::Display for UpdateInterval {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&duration_text(self.0))
    }
}

/// Units and their nanoseconds. A day is 24 hours; Go has no such unit.
const UNITS: &[(&str, u128)] = &[
    ("ns", 1),
    ("us", 1_000),
    ("µs", 1_000),
    ("μs", 1_000),
    ("ms", 1_000_000),
    ("s", 1_000_000_000),
    ("m", 60_000_000_000),
    ("h", 3_600_000_000_000),
    ("d", 86_400_000_000_000),
];

/// The maximum number of digits of a number, so that the arithmetic cannot overflow.
const MAX_DIGITS: usize = 18;

/// Parses a duration as Go writes it (`1h30m`, `1.5h`, `24h`), or a number of seconds (`90`).
///
/// # Errors
/// [`UpdateError::Duration`] for anything else, including a sign.
pub fn parse_duration(text: &str) -> Result<Duration, UpdateError> {
    let refuse = || UpdateError::Duration { found: shortened(text) };
    let (mut rest, mut nanos) = (text, 0_u128);
    // Each iteration reads a number and its unit; a number without a unit is in seconds.
    loop {
        let (whole, after) = digits(rest);
        let (fraction, after) = after.strip_prefix('.').map_or(("", after), digits);
        let n_digits = whole.len() + fraction.len();
        if n_digits == 0 || n_digits > MAX_DIGITS {
            return Err(refuse());
        }
        let is_alone = after.is_empty() && rest.len() == text.len();
        let unit = UNITS.iter().find(|(name, _)| unit(after) == *name).map(|(_, nanos)| *nanos);
        let unit = if is_alone { Some(1_000_000_000) } else { unit };
        let unit = unit.ok_or_else(refuse)?;
        // At most 18 digits were read, so the numbers fit.
        let number = |digits: &str| digits.bytes().fold(0_u128, |sum, digit| sum * 10 + u128::from(digit - b'0'));
        let scale = fraction.bytes().fold(1_u128, |scale, _| scale * 10);
        nanos += number(whole) * unit + number(fraction) * unit / scale;
        rest = after.trim_start_matches(|c: char| !c.is_ascii_digit() && c != '.');
        if rest.is_empty() {
            break;
        }
    }
    let seconds = u64::try_from(nanos / 1_000_000_000).map_err(|_| refuse())?;
    Ok(Duration::new(seconds, u32::try_from(nanos % 1_000_000_000).map_err(|_| refuse())?))
}

/// Splits `text` after its leading digits.
fn digits(text: &str) -> (&str, &str) {
    text.split_at(text.bytes().take_while(u8::is_ascii_digit).count())
}

/// The text before the next number.
fn unit(text: &str) -> &str {
    text.split(|c: char| c.is_ascii_digit() || c == '.').next().unwrap_or_default()
}

/// Formats a duration in whole seconds as Go does, without parts that are zero: `1h30m`.
pub fn duration_text(duration: Duration) -> String {
    let seconds = duration.as_secs();
    let parts = [(seconds / 3600, 'h'), (seconds / 60 % 60, 'm'), (seconds % 60, 's')];
    let text: String = parts.iter().filter(|(n, _)| *n > 0).map(|(n, unit)| format!("{n}{unit}")).collect();
    if text.is_empty() { "0s".to_owned() } else { text }
}

#[cfg(test)]
mod tests {
    use expect_test::expect;

    use super::*;

    #[test]
    fn durations_are_parsed_in_the_forms_that_older_clients_send() {
        let mut table = String::new();
        for text in [
            "1h",
            "30s",
            "24h",
            "1h30m",
            "1h0m0s",
            "1.5h",
            ".5m",
            "2.",
            "90",
            "0",
            "0s",
            "1500ms",
            "1us",
            "1µs",
            "7d",
            "1m1m",
            "1h 30m",
            "-1h",
            "+1h",
            "",
            "h",
            "1",
            "1x",
            "1h30",
            "1.2.3s",
            "one hour",
            ".",
            ".s",
            "1e3s",
            "1hs",
            "9999999999999999999s",
            "999999999999999999d",
            "1h\n",
            "１h",
        ] {
            let read = match parse_duration(text) {
                Ok(duration) => format!("{} s", duration.as_secs_f64()),
                Err(error) => error.to_string(),
            };
            table += &format!("{text:?}: {read}\n");
        }
        expect![[r#"
            "1h": 3600 s
            "30s": 30 s
            "24h": 86400 s
            "1h30m": 5400 s
            "1h0m0s": 3600 s
            "1.5h": 5400 s
            ".5m": 30 s
            "2.": 2 s
            "90": 90 s
            "0": 0 s
            "0s": 0 s
            "1500ms": 1.5 s
            "1us": 0.000001 s
            "1µs": 0.000001 s
            "7d": 604800 s
            "1m1m": 120 s
            "1h 30m": `1h 30m` is not a duration; hint: write for example `1h30m`, `90s`, or a number of seconds
            "-1h": `-1h` is not a duration; hint: write for example `1h30m`, `90s`, or a number of seconds
            "+1h": `+1h` is not a duration; hint: write for example `1h30m`, `90s`, or a number of seconds
            "": `` is not a duration; hint: write for example `1h30m`, `90s`, or a number of seconds
            "h": `h` is not a duration; hint: write for example `1h30m`, `90s`, or a number of seconds
            "1": 1 s
            "1x": `1x` is not a duration; hint: write for example `1h30m`, `90s`, or a number of seconds
            "1h30": `1h30` is not a duration; hint: write for example `1h30m`, `90s`, or a number of seconds
            "1.2.3s": `1.2.3s` is not a duration; hint: write for example `1h30m`, `90s`, or a number of seconds
            "one hour": `one hour` is not a duration; hint: write for example `1h30m`, `90s`, or a number of seconds
            ".": `.` is not a duration; hint: write for example `1h30m`, `90s`, or a number of seconds
            ".s": `.s` is not a duration; hint: write for example `1h30m`, `90s`, or a number of seconds
            "1e3s": `1e3s` is not a duration; hint: write for example `1h30m`, `90s`, or a number of seconds
            "1hs": `1hs` is not a duration; hint: write for example `1h30m`, `90s`, or a number of seconds
            "9999999999999999999s": `9999999999999999999s` is not a duration; hint: write for example `1h30m`, `90s`, or a number of seconds
            "999999999999999999d": `999999999999999999d` is not a duration; hint: write for example `1h30m`, `90s`, or a number of seconds
            "1h\n": `1h\n` is not a duration; hint: write for example `1h30m`, `90s`, or a number of seconds
            "１h": `１h` is not a duration; hint: write for example `1h30m`, `90s`, or a number of seconds
        "#]].assert_eq(&table);
    }

    #[test]
    fn an_interval_outside_of_the_bounds_is_refused() {
        let mut table = String::new();
        for text in ["59s", "60s", "61.9s", "1h", "90m", "25h", "720h", "720h1s", "0", "soon"] {
            let read = match text.parse::<UpdateInterval>() {
                Ok(interval) => format!("{interval}, {} s", interval.duration().as_secs()),
                Err(error) => format!("{}: {error}", error.code()),
            };
            table += &format!("{text}: {read}\n");
        }
        expect![[r#"
            59s: update_interval: an interval of 59s is not allowed for update checks; hint: choose between 1m and 720h
            60s: 1m, 60 s
            61.9s: 1m1s, 61 s
            1h: 1h, 3600 s
            90m: 1h30m, 5400 s
            25h: 25h, 90000 s
            720h: 720h, 2592000 s
            720h1s: update_interval: an interval of 720h1s is not allowed for update checks; hint: choose between 1m and 720h
            0: update_interval: an interval of 0s is not allowed for update checks; hint: choose between 1m and 720h
            soon: update_duration: `soon` is not a duration; hint: write for example `1h30m`, `90s`, or a number of seconds
        "#]].assert_eq(&table);
    }

    #[test]
    fn an_older_client_gets_the_nearest_interval() {
        for (asked, expected) in [("30s", "1m"), ("0", "1m"), ("1h30m", "1h30m"), ("60d", "720h")] {
            let asked = parse_duration(asked).unwrap();
            assert_eq!(UpdateInterval::nearest(asked).to_string(), expected);
        }
        assert_eq!(UpdateInterval::default().to_string(), "1h");
        assert_eq!(duration_text(Duration::from_millis(900)), "0s");
    }
}
