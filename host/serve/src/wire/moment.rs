//! A moment, as a client names it: in milliseconds since 1970, or as RFC 3339 has it.

use http::StatusCode;
use serde::Deserialize;
use utoipa::IntoParams;

use crate::wire::problem::ApiError;

/// `?at=1767225600000`, `?at=2026-01-01T00:00:00Z`: a moment in the past.
#[derive(Deserialize, IntoParams)]
pub(crate) struct AtQuery {
    /// Returns the desired state at this time instead: milliseconds since 1970, or RFC 3339.
    at: Option<String>,
}

impl AtQuery {
    /// The moment in milliseconds since 1970, if one is named.
    ///
    /// # Errors
    /// The text is no moment since 1970.
    pub(crate) fn unix_ms(&self) -> Result<Option<u64>, ApiError> {
        let Some(text) = &self.at else { return Ok(None) };
        unix_ms(text).map(Some).ok_or_else(|| {
            let detail = "invalid query: `at` is not a time since 1970";
            ApiError::new(StatusCode::BAD_REQUEST, "query_does_not_fit", detail)
                .fix("pass milliseconds since 1970, or a date and time such as 2026-01-31T12:00:00Z")
        })
    }
}

fn unix_ms(text: &str) -> Option<u64> {
    if !text.is_empty() && text.bytes().all(|c| c.is_ascii_digit()) {
        return text.parse().ok();
    }
    let (date, rest) = text.split_once(['T', 't', ' '])?;
    let [year, month, day] = numbers(date, '-', [4, 2, 2])?;
    let n_time = rest.bytes().take_while(|c| c.is_ascii_digit() || matches!(c, b':' | b'.')).count();
    let (time, zone) = rest.split_at_checked(n_time)?;
    let (time, fraction) = time.split_once('.').map_or((time, None), |(time, fraction)| (time, Some(fraction)));
    let [hour, minute, second] = numbers(time, ':', [2, 2, 2])?;
    let is_moment = (1970..=9999).contains(&year)
        && (1..=12).contains(&month)
        && (1..=days_in(year, month)).contains(&day)
        && hour < 24
        && minute < 60
        // A leap second is the first moment of the next minute.
        && second <= 60;
    let ms = fraction.map_or(Some(0), milliseconds)?;
    let seconds = ((days(year, month, day) * 24 + hour) * 60 + minute) * 60 + second - offset_minutes(zone)? * 60;
    u64::try_from(seconds * 1000 + ms).ok().filter(|_| is_moment)
}

/// A moment in milliseconds since 1970 as RFC 3339 has it, in UTC.
pub(crate) fn rfc3339(unix_ms: u64) -> String {
    let (seconds, ms) = (unix_ms / 1000, unix_ms % 1000);
    let (mut rest, time) = (i64::try_from(seconds / 86_400).unwrap_or(i64::MAX), seconds % 86_400);
    // Nothing that this host writes down is of another era; what can't be a year of four digits is shown as the last.
    rest = rest.min(days(9999, 12, 31));
    let mut year = 1970 + rest / 366;
    while days(year + 1, 1, 1) <= rest {
        year += 1;
    }
    rest -= days(year, 1, 1);
    let mut month = 1;
    while rest >= days_in(year, month) {
        rest -= days_in(year, month);
        month += 1;
    }
    let (hour, minute, second) = (time / 3600, time / 60 % 60, time % 60);
    format!("{year:04}-{month:02}-{:02}T{hour:02}:{minute:02}:{second:02}.{ms:03}Z", rest + 1)
}

/// Three numbers of so many digits each.
fn numbers(text: &str, separator: char, n_digits: [usize; 3]) -> Option<[i64; 3]> {
    let mut parts = text.split(separator);
    let mut numbers = [0; 3];
    for (number, n_digits) in numbers.iter_mut().zip(n_digits) {
        let part = parts.next()?;
        let is_number = part.len() == n_digits && part.bytes().all(|c| c.is_ascii_digit());
        *number = part.parse().ok().filter(|_| is_number)?;
    }
    parts.next().is_none().then_some(numbers)
}

fn milliseconds(fraction: &str) -> Option<i64> {
    let is_number = !fraction.is_empty() && fraction.bytes().all(|c| c.is_ascii_digit());
    let digits: String = fraction.chars().chain("00".chars()).take(3).collect();
    digits.parse().ok().filter(|_| is_number)
}

/// How far local time is ahead of UTC. A `+` that was not escaped in the query has become a blank.
fn offset_minutes(zone: &str) -> Option<i64> {
    if matches!(zone, "Z" | "z") {
        return Some(0);
    }
    let (sign, rest) = zone.split_at_checked(1)?;
    let sign = match sign {
        "+" | " " => 1,
        "-" => -1,
        _ => return None,
    };
    let [hours, minutes, _] = numbers(&format!("{rest}:00"), ':', [2, 2, 2])?;
    (hours < 24 && minutes < 60).then_some(sign * (hours * 60 + minutes))
}

/// Days from 1970 to a date, in the calendar that is used today.
fn days(year: i64, month: i64, day: i64) -> i64 {
    let leap_days = |year: i64| year / 4 - year / 100 + year / 400;
    let months = (1..month).map(|month| days_in(year, month)).sum::<i64>();
    (year - 1970) * 365 + leap_days(year - 1) - leap_days(1969) + months + day - 1
}

fn days_in(year: i64, month: i64) -> i64 {
    let is_leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    match month {
        2 if is_leap => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moments_are_read() {
        for (text, expected) in [
            ("0", 0),
            ("1767225600123", 1_767_225_600_123),
            ("1970-01-01T00:00:00Z", 0),
            ("2000-02-29T00:00:00Z", 951_782_400_000),
            ("2000-02-29T23:59:59.999Z", 951_868_799_999),
            ("2025-12-31T23:59:59z", 1_767_225_599_000),
            ("2025-12-31t23:59:59.5Z", 1_767_225_599_500),
            ("2025-12-31 23:59:59.1239Z", 1_767_225_599_123),
            ("2025-12-31T23:59:60Z", 1_767_225_600_000),
            ("2026-01-01T02:00:00+02:00", 1_767_225_600_000),
            ("2026-01-01T02:00:00 02:00", 1_767_225_600_000),
            ("2025-12-31T20:30:00-03:30", 1_767_225_600_000),
            ("2100-03-01T00:00:00Z", 4_107_542_400_000),
        ] {
            assert_eq!(unix_ms(text), Some(expected), "{text}");
        }
    }

    #[test]
    fn moments_are_written_as_they_are_read() {
        assert_eq!(rfc3339(951_868_799_999), "2000-02-29T23:59:59.999Z");
        for day in 0..60_000 {
            let moment = day * 86_400_000 + day % 86_400_000;
            assert_eq!(unix_ms(&rfc3339(moment)), Some(moment));
        }
    }

    #[test]
    fn what_is_no_moment_is_refused() {
        for text in [
            "",
            "now",
            "-1",
            "1.5",
            "99999999999999999999999",
            "2026-01-01",
            "2026-01-01T00:00:00",
            "2026-01-01T00:00Z",
            "2026-1-1T00:00:00Z",
            "2026-02-29T00:00:00Z",
            "2100-02-29T00:00:00Z",
            "2026-13-01T00:00:00Z",
            "2026-00-01T00:00:00Z",
            "2026-01-32T00:00:00Z",
            "2026-01-01T24:00:00Z",
            "2026-01-01T00:60:00Z",
            "2026-01-01T00:00:61Z",
            "2026-01-01T00:00:00.Z",
            "2026-01-01T00:00:00+0200",
            "2026-01-01T00:00:00+24:00",
            "2026-01-01T00:00:00é",
            "1969-12-31T23:59:59Z",
            "1970-01-01T00:00:00+00:01",
            "20260-01-01T00:00:00Z",
        ] {
            assert_eq!(unix_ms(text), None, "{text}");
        }
    }
}
