//! Text for a terminal: times, durations, sizes, and untrusted text with control characters escaped.

use std::borrow::Cow;
use std::fmt::Write as _;

use host_core::{Size, Span, is_unseen, visible};
use jiff::Timestamp;

use super::is_wide;

/// Returns untrusted text as one line: line ends and tabs become spaces, other characters that a terminal acts on or
/// that a reader cannot see become escapes such as `\u{1b}`.
pub fn printable(text: &str) -> String {
    let spaced = text.replace("\r\n", " ").replace(['\n', '\r', '\t'], " ");
    visible(&spaced).into_owned()
}

/// Returns untrusted text of several lines with the same escapes.
pub fn printable_lines(text: &str) -> Cow<'_, str> {
    if text.contains("\r\n") { visible(&text.replace("\r\n", "\n")).into_owned().into() } else { visible(text) }
}

/// Returns data with the characters that a terminal acts on, or that a reader cannot see, escaped as `\u001b`, so that
/// JSON keeps its value.
pub fn escaped(text: &str) -> Cow<'_, str> {
    with_escapes(text, |escaped, c| {
        for unit in c.encode_utf16(&mut [0; 2]) {
            let _ = write!(escaped, "\\u{unit:04x}");
        }
    })
}

/// Returns YAML with the same characters escaped as in YAML, which has no surrogate pairs: `\u202e`, `\U000e0041`.
pub(crate) fn escaped_yaml(text: &str) -> Cow<'_, str> {
    with_escapes(text, |escaped, c| {
        let _ = match u32::from(c) {
            code @ ..=0xffff => write!(escaped, "\\u{code:04x}"),
            code => write!(escaped, "\\U{code:08x}"),
        };
    })
}

/// Returns whether a character of data is escaped.
pub(crate) fn is_escaped(c: char) -> bool {
    is_unseen(c) && !matches!(c, '\n' | '\r')
}

fn with_escapes(text: &str, escape: impl Fn(&mut String, char)) -> Cow<'_, str> {
    if !text.contains(is_escaped) {
        return text.into();
    }
    let mut escaped = String::with_capacity(text.len() + 16);
    for c in text.chars() {
        if is_escaped(c) { escape(&mut escaped, c) } else { escaped.push(c) }
    }
    escaped.into()
}

/// Returns an argument as one word of a shell, for commands to paste.
pub fn shell_word(text: &str) -> String {
    let is_plain = |c: char| c.is_alphanumeric() || matches!(c, '/' | '.' | '_' | '-' | '+' | ',' | '@' | ':');
    let is_option = text.starts_with('-');
    match !text.is_empty() && text.chars().all(is_plain) {
        true if is_option => format!("./{text}"),
        true => text.to_owned(),
        false if is_option => format!("'./{}'", text.replace('\'', r"'\''")),
        false => format!("'{}'", text.replace('\'', r"'\''")),
    }
}

/// Formats a duration.
pub fn duration(milliseconds: f64) -> String {
    Span::from_ms(milliseconds).to_string()
}

/// Formats a measured size.
pub fn bytes(n_bytes: u64) -> String {
    Size::new(n_bytes).rounded()
}

/// Formats the value of a setting as host.toml accepts it. A number of bytes is shown with its unit.
pub fn setting(key: &str, value: &serde_json::Value) -> String {
    let is_size = key.ends_with("_bytes") || key.ends_with("_size");
    match value.as_u64().filter(|_| is_size) {
        Some(n_bytes) => format!("\"{}\"", Size::new(n_bytes).as_setting()),
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

/// Formats the day of a timestamp, in UTC; in wide tables with the time of day.
pub fn date(unix_ms: u64) -> String {
    let text = utc(unix_ms);
    text.get(if is_wide() { 0..19 } else { 0..10 }).unwrap_or(&text).to_owned()
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
    fn control_characters_and_invisible_characters_never_reach_the_terminal() {
        let hostile = "a\u{1b}]0;b\u{7}\r\n\tc\u{9b}31m\u{202e}d\u{7f}\u{200b}";
        assert_eq!(printable(hostile), r"a\u{1b}]0;b\u{7}  c\u{9b}31m\u{202e}d\u{7f}\u{200b}");
        assert_eq!(printable_lines(hostile), "a\\u{1b}]0;b\\u{7}\n\tc\\u{9b}31m\\u{202e}d\\u{7f}\\u{200b}");
        assert_eq!(printable_lines("\u{e9}\n"), "\u{e9}\n");
        let json = "[\"\u{9b}31m\u{7f}\u{202e}\u{e0041}\", \"\\n\"]";
        assert_eq!(escaped(json), r#"["\u009b31m\u007f\u202e\udb40\udc41", "\n"]"#);
        let read = |text: &str| serde_json::from_str::<serde_json::Value>(text).unwrap();
        assert_eq!(read(&escaped(json)), read(json));
        assert_eq!(escaped("\u{1b}[2J"), "\\u001b[2J");
    }

    #[test]
    fn arguments_are_one_word_of_a_shell() {
        for (text, expected) in [
            ("a/b-1.zip", "a/b-1.zip"),
            ("my host", "'my host'"),
            ("it's", r"'it'\''s'"),
            ("$(x)", "'$(x)'"),
            ("-x", "./-x"),
            ("Gr\u{fc}\u{df}e", "Gr\u{fc}\u{df}e"),
            ("", "''"),
        ] {
            assert_eq!(shell_word(text), expected);
        }
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
    fn sizes_of_settings_have_a_unit_that_host_toml_accepts() {
        assert_eq!(setting("max_upload_bytes", &serde_json::json!(64 << 20)), "\"64MiB\"");
        assert_eq!(setting("cache_max_size", &serde_json::json!(20_000_000_000_u64)), "\"20GB\"");
        assert_eq!(setting("port", &serde_json::json!(4000)), "4000");
    }
}
