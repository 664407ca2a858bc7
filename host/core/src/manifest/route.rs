//! The path and method of an endpoint.

use std::fmt;
use std::str::FromStr;

/// The path of an endpoint: `/` and parts, each a literal, a parameter (`:name`, `{name}`) or, at the end, a tail
/// (`*rest`, `{*rest}`). Paths are equal if they are spelled alike; [`RoutePath::pattern`] compares their meaning.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RoutePath {
    written: String,
    pattern: String,
    params: Vec<String>,
}

/// The reason why a text is not the path of an endpoint.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{rule}")]
pub struct RouteError {
    /// The violated rule, worded to follow the path in a sentence.
    pub rule: &'static str,
}

/// The reason why one router cannot hold two paths.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Conflict<'a> {
    /// They match the same requests and have the same parameter names.
    Same,
    /// They match the same requests but have different names for a parameter: both names.
    Names(&'a str, &'a str),
    /// One has a parameter where the other has a tail.
    Tail,
}

enum Part<'a> {
    Literal(&'a str),
    Param(&'a str),
    Tail(&'a str),
}

impl RoutePath {
    /// The maximum number of bytes.
    pub const MAX_BYTES: usize = 512;

    /// The path as written in plugin.yaml.
    pub fn as_str(&self) -> &str {
        &self.written
    }

    /// The path as a pattern for matchit: `/hello/{name}`, `/files/{*rest}`.
    pub fn pattern(&self) -> &str {
        &self.pattern
    }

    /// The names of the parameters and the tail, in the order of the path.
    pub fn params(&self) -> &[String] {
        &self.params
    }

    /// Returns the conflict of two paths in one router, regardless of their methods. A path conflicts with itself.
    pub(super) fn conflict<'a>(&'a self, other: &'a RoutePath) -> Option<Conflict<'a>> {
        let mut ours = self.pattern[1..].split('/').map(part);
        let mut theirs = other.pattern[1..].split('/').map(part);
        let mut names = None;
        loop {
            match (ours.next(), theirs.next()) {
                (None, None) => return Some(names.unwrap_or(Conflict::Same)),
                (Some(Part::Literal(a)), Some(Part::Literal(b))) if a == b => {}
                (Some(Part::Param(a)), Some(Part::Param(b))) | (Some(Part::Tail(a)), Some(Part::Tail(b))) => {
                    if a != b && names.is_none() {
                        names = Some(Conflict::Names(a, b));
                    }
                }
                (Some(Part::Param(_)), Some(Part::Tail(_))) | (Some(Part::Tail(_)), Some(Part::Param(_))) => {
                    return Some(Conflict::Tail);
                }
                _ => return None,
            }
        }
    }
}

/// Parses a segment of a path in either notation. Names are not checked.
fn part(text: &str) -> Part<'_> {
    let braced = text.strip_prefix('{').and_then(|text| text.strip_suffix('}'));
    match (braced, text.strip_prefix(':'), text.strip_prefix('*')) {
        (Some(inner), _, _) => inner.strip_prefix('*').map_or(Part::Param(inner), Part::Tail),
        (_, Some(name), _) => Part::Param(name),
        (_, _, Some(name)) => Part::Tail(name),
        _ => Part::Literal(text),
    }
}

fn is_name(text: &str) -> bool {
    let bytes = text.as_bytes();
    (1..=50).contains(&bytes.len())
        && !bytes[0].is_ascii_digit()
        && bytes.iter().all(|byte| byte.is_ascii_alphanumeric() || *byte == b'_')
}

impl FromStr for RoutePath {
    type Err = RouteError;

    fn from_str(text: &str) -> Result<RoutePath, RouteError> {
        let refuse = |rule| Err(RouteError { rule });
        let Some(inner) = text.strip_prefix('/') else {
            return refuse("must start with `/`");
        };
        if text.len() > RoutePath::MAX_BYTES {
            return refuse("must have at most 512 bytes");
        }
        if !text.bytes().all(|byte| byte.is_ascii_graphic()) {
            return refuse("must contain only printable ASCII characters without spaces");
        }
        if text.contains(['%', '?', '#', '\\']) {
            return refuse("must not contain `%`, `?`, `#` or `\\`");
        }
        // RFC 3986 has none of these in a path; other frameworks mark parameters with them.
        if text.contains(['<', '>', '[', ']', '"', '^', '`', '|']) {
            return refuse(
                "must write a parameter as `:name` or `{name}`, and must not contain `<>[]\"^|` or a backtick",
            );
        }
        let mut path = RoutePath { written: text.to_owned(), pattern: String::new(), params: Vec::new() };
        let parts: Vec<&str> = inner.split('/').collect();
        for (index, &text) in parts.iter().enumerate() {
            let is_last = index + 1 == parts.len();
            let part = part(text);
            path.pattern.push('/');
            match part {
                Part::Literal("") if !is_last => return refuse("must not have an empty segment (`//`)"),
                Part::Literal("." | "..") => return refuse("must not have a segment `.` or `..`"),
                Part::Literal(text) if text.contains(['{', '}', '*']) => {
                    return refuse("must have each parameter as a whole segment, such as `/{name}/` or `/{*rest}`");
                }
                Part::Literal(text) => path.pattern.push_str(text),
                Part::Param(name) | Part::Tail(name) if !is_name(name) => {
                    return refuse(
                        "must have parameter names that start with a letter or `_` and contain only letters, digits and `_`, \
                         at most 50 characters",
                    );
                }
                Part::Tail(_) if !is_last => return refuse("must have a `*` parameter only as the last segment"),
                Part::Param(name) | Part::Tail(name) if path.params.iter().any(|known| known == name) => {
                    return refuse("must not use the same parameter name twice");
                }
                Part::Param(name) => {
                    path.pattern.extend(["{", name, "}"]);
                    path.params.push(name.to_owned());
                }
                Part::Tail(name) => {
                    path.pattern.extend(["{*", name, "}"]);
                    path.params.push(name.to_owned());
                }
            }
        }
        Ok(path)
    }
}

impl fmt::Display for RoutePath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.written)
    }
}

/// The method of an endpoint. Parses in any case, displays in upper case.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Method {
    /// GET
    Get,
    /// POST
    Post,
    /// PUT
    Put,
    /// DELETE
    Delete,
    /// PATCH
    Patch,
    /// HEAD
    Head,
    /// OPTIONS
    Options,
}

impl Method {
    /// All methods.
    pub const ALL: [Method; 7] =
        [Method::Get, Method::Post, Method::Put, Method::Delete, Method::Patch, Method::Head, Method::Options];

    /// Returns whether a request with this method may have a meaningful body (RFC 9110 §9.3).
    pub fn has_body(self) -> bool {
        !matches!(self, Method::Get | Method::Head)
    }

    /// The method as HTTP writes it.
    pub fn as_str(self) -> &'static str {
        match self {
            Method::Get => "GET",
            Method::Post => "POST",
            Method::Put => "PUT",
            Method::Delete => "DELETE",
            Method::Patch => "PATCH",
            Method::Head => "HEAD",
            Method::Options => "OPTIONS",
        }
    }
}

impl FromStr for Method {
    type Err = RouteError;

    fn from_str(text: &str) -> Result<Method, RouteError> {
        let found = Method::ALL.into_iter().find(|method| method.as_str().eq_ignore_ascii_case(text));
        found.ok_or(RouteError { rule: "must be one of GET, POST, PUT, DELETE, PATCH, HEAD, OPTIONS" })
    }
}

impl fmt::Display for Method {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_notations_of_a_parameter_are_accepted() {
        for (written, pattern, params) in [
            ("/", "/", &[][..]),
            ("/hello", "/hello", &[]),
            ("/hello/", "/hello/", &[]),
            ("/hello/:name", "/hello/{name}", &["name"]),
            ("/hello/{name}", "/hello/{name}", &["name"]),
            ("/a/:x/b/{_y1}", "/a/{x}/b/{_y1}", &["x", "_y1"]),
            ("/files/*rest", "/files/{*rest}", &["rest"]),
            ("/files/{*rest}", "/files/{*rest}", &["rest"]),
            ("/v1.0/a:b@c", "/v1.0/a:b@c", &[]),
        ] {
            let path: RoutePath = written.parse().unwrap();
            assert_eq!((path.as_str(), path.pattern()), (written, pattern));
            assert_eq!(path.params(), params);
        }
    }

    #[test]
    fn an_ambiguous_or_malformed_path_is_refused() {
        let long_name = format!("/:{}", "x".repeat(51));
        let long_path = format!("/{}", "x".repeat(512));
        for text in [
            "",
            "hello",
            "//",
            "/a//b",
            "/a/../b",
            "/.",
            "/a b",
            "/ä",
            "/a%2fb",
            "/<name>",
            "/<int:id>",
            "/[id]",
            "/a|b",
            "/a?b",
            "/a#b",
            "/a\\b",
            "/:",
            "/{}",
            "/*",
            "/{*}",
            "/:1a",
            "/:a-b",
            "/{a",
            "/a}",
            "/x{a}",
            "/{{a}}",
            "/x*",
            "/*a/b",
            "/:a/{a}",
            "/:a/*a",
            &long_name,
            &long_path,
        ] {
            assert!(text.parse::<RoutePath>().is_err(), "{text}");
        }
    }

    #[test]
    fn paths_conflict_exactly_when_a_router_refuses_them() {
        let parts = ["", "a", "b", "{x}", "{y}", "{*t}", "{*u}"];
        let mut paths: Vec<RoutePath> = Vec::new();
        for first in parts {
            paths.extend(format!("/{first}").parse());
            for second in parts {
                paths.extend(format!("/{first}/{second}").parse());
                paths.extend(parts.iter().filter_map(|third| format!("/{first}/{second}/{third}").parse().ok()));
            }
        }
        for a in &paths {
            for b in &paths {
                let mut router = matchit::Router::new();
                router.insert(a.pattern(), ()).unwrap();
                let refused = router.insert(b.pattern(), ()).is_err();
                assert_eq!(a.conflict(b).is_some(), refused, "{a} and {b}");
            }
        }
    }

    #[test]
    fn paths_that_do_not_conflict_in_pairs_fit_into_one_router() {
        let parts = ["a", "b", "{x}", "{y}", "{*t}"];
        let mut random = crate::manifest::tests::Random::new(7);
        for _ in 0..2000 {
            let mut router = matchit::Router::new();
            let mut held: Vec<RoutePath> = Vec::new();
            for _ in 0..8 {
                let text: String = (0..=random.below(4)).map(|_| format!("/{}", parts[random.below(5)])).collect();
                let Ok(path) = text.parse::<RoutePath>() else { continue };
                if held.iter().all(|other| other.conflict(&path).is_none()) {
                    assert_eq!(router.insert(path.pattern(), ()), Ok(()), "{path} beside {held:?}");
                    held.push(path);
                }
            }
        }
    }

    #[test]
    fn a_method_is_read_in_any_case() {
        for method in Method::ALL {
            assert_eq!(method.as_str().to_lowercase().parse(), Ok(method));
        }
        assert!("TRACE".parse::<Method>().is_err());
    }
}
