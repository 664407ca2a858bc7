//! Text for a terminal: times, durations, sizes, and untrusted text without control characters.

use std::borrow::Cow;

use jiff::Timestamp;

use super::is_wide;

/// Returns untrusted text as one line, with control and bidirectional formatting characters replaced by spaces.
pub fn printable(text: &str) -> String {
    text.chars().map(|c| if is_unsafe(c) { ' ' } else { c }).collect()
}

/// Returns untrusted text of several lines, with control and bidirectional formatting characters replaced by spaces.
pub fn printable_lines(text: &str) -> Cow<'_, str> {
    let is_control = |c| is_unsafe(c) && !matches!(c, '\n' | '\t');
    if text.contains(is_control) {
        text.chars().map(|c| if is_control(c) { ' ' } else { c }).collect()
    } else {
        text.into()
    }
}

/// Returns data with its control characters escaped as `\u001b`, so that JSON keeps its value.
pub fn escaped(text: &str) -> Cow<'_, str> {
    let is_control = |c: char| c.is_control() && !matches!(c, '\n' | '\r' | '\t');
    let write = |mut text: String, c| {
        if is_control(c) {
            text += &format!("\\u{:04x}", u32::from(c))
        } else {
            text.push(c)
        }
        text
    };
    if text.contains(is_control) {
        text.chars().fold(String::with_capacity(text.len()), write).into()
    } else {
        text.into()
    }
}

/// Returns whether a terminal would act on the character instead of showing it.
fn is_unsafe(c: char) -> bool {
    // The listed characters change the direction of the text that follows.
    c.is_control()
        || matches!(c, '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

/// Formats a duration with two to four significant digits and a unit.
pub fn duration(milliseconds: f64) -> String {
    let seconds = milliseconds / 1e3;
    match seconds {
        s if s < 0.001 => format!("{:.0} us", s * 1e6),
        s if s < 0.009_95 => format!("{milliseconds:.1} ms"),
        s if s < 1.0 => format!("{milliseconds:.0} ms"),
        s if s < 60.0 => format!("{s:.1} s"),
        s if s < 3600.0 => format!("{} min {} s", s as u64 / 60, s as u64 % 60),
        s if s < 86_400.0 => format!("{} h {} min", s as u64 / 3600, s as u64 / 60 % 60),
        s => format!("{} d {} h", s as u64 / 86_400, s as u64 / 3600 % 24),
    }
}

/// Formats a size with one decimal and a binary unit.
pub fn bytes(n_bytes: u64) -> String {
    match n_bytes as f64 {
        b if b < 1024.0 => format!("{n_bytes} bytes"),
        b if b < 1_048_576.0 => format!("{:.1} KiB", b / 1024.0),
        b if b < 1_073_741_824.0 => format!("{:.1} MiB", b / 1_048_576.0),
        b => format!("{:.1} GiB", b / 1_073_741_824.0),
    }
}

/// Formats the value of a setting as host.toml accepts it. A number of bytes is shown with its unit.
pub fn setting(key: &str, value: &serde_json::Value) -> String {
    let is_size = key.ends_with("_bytes") || key.ends_with("_size");
    match value.as_u64().filter(|_| is_size) {
        Some(n_bytes) => format!("\"{}\"", host_core::Size::of(n_bytes).as_setting()),
        None => value.to_string(),
    }
}

/// Returns the first 12 characters of a digest or commit, or all of them with `-o wide`.
pub fn digest(text: &str) -> String {
    let (prefix, digits) = text.split_once(':').map_or(("", text), |(algorithm, digits)| (algorithm, digits));
    match digits.get(..12) {
        Some(start) if !is_wide() && prefix.is_empty() => start.to_owned(),
        Some(start) if !is_wide() => format!("{prefix}:{start}"),
        _ => text.to_owned(),
    }
}

/// Formats a timestamp of a table: `02-03 04:05`, or `2026-02-03 04:05:06` with `-o wide`, in UTC.
pub fn moment(unix_ms: u64) -> String {
    let text = utc(unix_ms);
    let range = if is_wide() { 0..19 } else { 5..16 };
    text.get(range).unwrap_or(&text).to_owned()
}

/// Returns text without colours, for tests.
#[cfg(test)]
pub(crate) fn plain(text: &str) -> String {
    anstream::adapter::strip_str(text).to_string()
}

/// Formats a timestamp as `2026-02-03 04:05:06.789`, in UTC.
pub fn utc(unix_ms: u64) -> String {
    let timestamp = i64::try_from(unix_ms).ok().and_then(|ms| Timestamp::from_millisecond(ms).ok());
    timestamp.unwrap_or(Timestamp::MAX).strftime("%Y-%m-%d %H:%M:%S%.3f").to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn control_characters_never_reach_the_terminal() {
        let hostile = "a\u{1b}]0;b\u{7}\r\n\tc\u{9b}31m\u{202e}d\u{7f}";
        assert_eq!(printable(hostile), "a ]0;b    c 31m d ");
        assert_eq!(printable_lines(hostile), "a ]0;b  \n\tc 31m d ");
        assert_eq!(printable_lines("\u{e9}\n"), "\u{e9}\n");
        let json = "[\"\u{9b}31m\u{7f}\", \"\\n\"]";
        assert_eq!(escaped(json), r#"["\u009b31m\u007f", "\n"]"#);
        let read = |text: &str| serde_json::from_str::<serde_json::Value>(text).unwrap();
        assert_eq!(read(&escaped(json)), read(json));
        assert_eq!(escaped("\u{1b}[2J"), "\\u001b[2J");
    }

    #[test]
    fn timestamps_are_formatted_in_utc() {
        for (unix_ms, expected) in [
            (0, "1970-01-01 00:00:00.000"),
            (951_782_400_000, "2000-02-29 00:00:00.000"),
            (951_868_799_999, "2000-02-29 23:59:59.999"),
            (951_868_800_000, "2000-03-01 00:00:00.000"),
            (1_767_225_599_000, "2025-12-31 23:59:59.000"),
            (4_107_542_400_000, "2100-03-01 00:00:00.000"),
            (u64::MAX, "9999-12-30 22:00:00.999"),
        ] {
            assert_eq!(utc(unix_ms), expected);
        }
    }

    #[test]
    fn sizes_have_one_decimal_and_a_binary_unit() {
        for (n_bytes, expected) in [
            (0, "0 bytes"),
            (1023, "1023 bytes"),
            (4_200, "4.1 KiB"),
            (880_000, "859.4 KiB"),
            (9_000_000, "8.6 MiB"),
            (20_000_000_000, "18.6 GiB"),
        ] {
            assert_eq!(bytes(n_bytes), expected);
        }
    }

    #[test]
    fn sizes_of_settings_have_a_unit_that_host_toml_accepts() {
        assert_eq!(setting("max_upload_bytes", &serde_json::json!(64 << 20)), "\"64MiB\"");
        assert_eq!(setting("cache_max_size", &serde_json::json!(20_000_000_000_u64)), "\"20GB\"");
        assert_eq!(setting("port", &serde_json::json!(4000)), "4000");
    }

    #[test]
    fn durations_have_two_to_four_significant_digits() {
        for (milliseconds, expected) in [
            (0.0421, "42 us"),
            (3.44, "3.4 ms"),
            (9.97, "10 ms"),
            (210.4, "210 ms"),
            (12_345.0, "12.3 s"),
            (75_000.0, "1 min 15 s"),
            (3_720_000.0, "1 h 2 min"),
            (180_000_000.0, "2 d 2 h"),
        ] {
            assert_eq!(duration(milliseconds), expected);
        }
    }
}
