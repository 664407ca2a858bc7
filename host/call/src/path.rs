//! Parses the path of a request. Refuses a path that servers and proxies read in different ways.

use std::fmt;

use percent_encoding::percent_decode_str;

/// The part of a path that servers and proxies read in different ways.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PathProblem {
    /// `.` or `..` as a segment.
    DotSegment,
    /// `;`, which some servers take as the start of parameters.
    Semicolon,
    /// A backslash, which some servers take as a slash.
    Backslash,
    /// An encoded slash, backslash, dot or NUL, as sent.
    Encoded(String),
    /// A `%` without two hexadecimal digits, with what follows it.
    Percent(String),
    /// An encoded byte that is not part of a UTF-8 character.
    NotUtf8(String),
}

impl fmt::Display for PathProblem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            PathProblem::DotSegment => f.write_str("the path contains a segment `.` or `..`"),
            PathProblem::Semicolon => f.write_str("the path contains `;`; send `%3B` if it is a part of a name"),
            PathProblem::Backslash => f.write_str("the path contains a backslash"),
            PathProblem::Encoded(code) => {
                let what = match code.to_ascii_lowercase().as_str() {
                    "%2f" => "slash",
                    "%5c" => "backslash",
                    "%2e" => "dot",
                    _ => "NUL",
                };
                write!(f, "the path contains `{code}`, an encoded {what}")
            }
            PathProblem::Percent(found) => {
                write!(f, "the path contains `{found}`, which is not a percent encoding; send `%25` for a percent sign")
            }
            PathProblem::NotUtf8(code) => write!(
                f,
                "the path contains `{code}`, which is not a UTF-8 character; encode text as UTF-8, such as `ë` as `%C3%AB`"
            ),
        }
    }
}

/// Checks that every server and proxy reads the path in the same way.
///
/// # Errors
/// [`PathProblem`]
pub fn check_path(path: &str) -> Result<(), PathProblem> {
    let bytes = path.as_bytes();
    // The fast path: most paths contain none of these bytes.
    if !bytes.iter().any(|byte| matches!(byte, b'%' | b'.' | b'\\' | b';')) {
        return Ok(());
    }
    if bytes.contains(&b';') {
        return Err(PathProblem::Semicolon);
    }
    if bytes.contains(&b'\\') {
        return Err(PathProblem::Backslash);
    }
    if path.split('/').any(|part| matches!(part, "." | "..")) {
        return Err(PathProblem::DotSegment);
    }
    for (at, _) in path.match_indices('%') {
        let code: String = path[at..].chars().take(3).collect();
        if code.len() != 3 || !code[1..].bytes().all(|byte| byte.is_ascii_hexdigit()) {
            return Err(PathProblem::Percent(code));
        }
        if matches!(code[1..].to_ascii_lowercase().as_str(), "2f" | "5c" | "00" | "2e") {
            return Err(PathProblem::Encoded(code));
        }
    }
    decoded(path).map(drop)
}

/// Decodes percent-encoded text.
///
/// # Errors
/// [`PathProblem::NotUtf8`]
pub(crate) fn decoded(text: &str) -> Result<String, PathProblem> {
    let decoded: Vec<u8> = percent_decode_str(text).collect();
    String::from_utf8(decoded).map_err(|error| {
        let byte = error.as_bytes().get(error.utf8_error().valid_up_to()).copied().unwrap_or_default();
        PathProblem::NotUtf8(format!("%{byte:02X}"))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refused_path_is_named_by_its_problem() {
        for (path, expected) in [
            ("/a/%00", "the path contains `%00`, an encoded NUL"),
            ("/a%2Fb", "the path contains `%2F`, an encoded slash"),
            ("/a/50%", "the path contains `%`, which is not a percent encoding; send `%25` for a percent sign"),
            ("/a/50%ü", "the path contains `%ü`, which is not a percent encoding; send `%25` for a percent sign"),
            ("/a;v=1", "the path contains `;`; send `%3B` if it is a part of a name"),
            ("/a/../b", "the path contains a segment `.` or `..`"),
            (
                "/\u{fc}/%C3%BC/Zo%eb",
                "the path contains `%EB`, which is not a UTF-8 character; encode text as UTF-8, such as `ë` as `%C3%AB`",
            ),
        ] {
            assert_eq!(check_path(path).map_err(|problem| problem.to_string()), Err(expected.to_owned()), "{path}");
        }
        assert_eq!(check_path("/a%3Bb/%C3%BC/c.d"), Ok(()));
    }
}
