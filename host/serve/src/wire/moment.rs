//! Times in queries and responses: milliseconds since 1970, or RFC 3339.

use http::StatusCode;
use jiff::Timestamp;
use serde::Deserialize;
use utoipa::IntoParams;

use crate::wire::problem::ApiError;

/// Numbers that are times of this century in seconds.
const LIKELY_SECONDS: std::ops::Range<u64> = 946_684_800..10_000_000_000;

/// `?at=1767225600000` or `?at=2026-01-01T00:00:00Z`: a time in the past.
#[derive(Deserialize, IntoParams)]
pub(crate) struct AtQuery {
    /// Returns the desired state at this time instead: milliseconds since 1970, or RFC 3339.
    at: Option<String>,
}

impl AtQuery {
    /// Returns the requested time in milliseconds since 1970.
    ///
    /// # Errors
    /// The text is not a time since 1970.
    pub(crate) fn unix_ms(&self) -> Result<Option<u64>, ApiError> {
        let Some(text) = &self.at else { return Ok(None) };
        // Read as milliseconds, such a number is a day in 1970 that nobody asks for.
        if text.parse().is_ok_and(|number: u64| LIKELY_SECONDS.contains(&number)) {
            let detail = format!("invalid query: `at={text}` seems to be in seconds");
            let refused = ApiError::new(StatusCode::BAD_REQUEST, "query_does_not_fit", detail);
            return Err(refused.fix(format!("pass milliseconds since 1970: `at={text}000`")));
        }
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
    let (date_time, rest) = text.split_at_checked(19)?;
    let has_form = date_time.bytes().zip(*b"0000-00-00T00:00:00").all(|(c, form)| match form {
        b'0' => c.is_ascii_digit(),
        b'T' => matches!(c, b'T' | b't' | b' '),
        form => c == form,
    });
    let (fraction, zone) = rest.split_at(rest.find(|c: char| c != '.' && !c.is_ascii_digit())?);
    if !has_form || date_time.starts_with("0000") {
        return None;
    }
    // A leap second is read as the first moment of the next minute.
    let (date_time, leap_ms) = match date_time.strip_suffix(":60") {
        Some(minute) => (format!("{minute}:59"), 1_000),
        None => (date_time.to_owned(), 0),
    };
    let timestamp: Timestamp = format!("{date_time}{}", offset(zone)?).parse().ok()?;
    let ms = timestamp.as_millisecond().checked_add(leap_ms + milliseconds(fraction)?)?;
    u64::try_from(ms).ok()
}

/// Formats milliseconds since 1970 as RFC 3339 in UTC. Times after the year 9999 are shown as its end.
pub(crate) fn rfc3339(unix_ms: u64) -> String {
    let timestamp = i64::try_from(unix_ms).ok().and_then(|ms| Timestamp::from_millisecond(ms).ok());
    format!("{:.3}", timestamp.unwrap_or(Timestamp::MAX))
}

/// The milliseconds of a fraction such as `.25`; 0 without a fraction.
fn milliseconds(fraction: &str) -> Option<i64> {
    let Some(digits) = fraction.strip_prefix('.') else { return fraction.is_empty().then_some(0) };
    let is_number = !digits.is_empty() && digits.bytes().all(|c| c.is_ascii_digit());
    let first: String = digits.chars().chain("00".chars()).take(3).collect();
    first.parse().ok().filter(|_| is_number)
}

/// The UTC offset, `Z` or `+00:00`. An unescaped `+` in a query arrives as a space.
fn offset(zone: &str) -> Option<String> {
    if matches!(zone, "Z" | "z") {
        return Some("Z".to_owned());
    }
    let zone = zone.replacen(' ', "+", 1);
    let has_form = zone.len() == 6
        && zone.starts_with(['+', '-'])
        && zone
            .bytes()
            .skip(1)
            .zip(*b"00:00")
            .all(|(c, form)| if form == b'0' { c.is_ascii_digit() } else { c == form });
    (has_form && zone[1..3] < *"24").then_some(zone)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_parsed() {
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
    fn times_in_seconds_are_refused_with_the_number_to_write() {
        let at = |text: &str| AtQuery { at: Some(text.to_owned()) }.unix_ms();
        assert_eq!(at("1767225600000").unwrap(), Some(1_767_225_600_000));
        let refused = at("1767225600").unwrap_err();
        assert_eq!(refused.fix.unwrap(), "pass milliseconds since 1970: `at=1767225600000`");
    }

    #[test]
    fn formatted_times_parse_to_the_same_time() {
        assert_eq!(rfc3339(951_868_799_999), "2000-02-29T23:59:59.999Z");
        for day in 0..60_000 {
            let moment = day * 86_400_000 + day % 86_400_000;
            assert_eq!(unix_ms(&rfc3339(moment)), Some(moment));
        }
    }

    #[test]
    fn invalid_times_are_rejected() {
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
