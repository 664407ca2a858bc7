//! Routing of test requests, by the plugin's own description as in the host.

use http::Method;

use crate::{Error, Plugin, StatusCode};

pub(super) struct Routes {
    router: matchit::Router<usize>,
    /// For each path, its methods with the index of the handler.
    paths: Vec<Vec<(&'static str, u32)>>,
}

/// A handler, with the decoded parameters of the path.
pub(super) type Routed = (u32, Vec<(String, String)>);

impl Routes {
    pub(super) fn new<P: Plugin>() -> Routes {
        let mut routes = Routes { router: matchit::Router::new(), paths: Vec::new() };
        if P::SERVICE {
            // A service routes by itself, so any handler index will do.
            return routes;
        }
        let mut patterns: Vec<String> = Vec::new();
        for (index, handler) in (0..).zip(P::HANDLERS) {
            let pattern = pattern(handler.path);
            let at = patterns.iter().position(|known| *known == pattern).unwrap_or_else(|| {
                if let Err(error) = routes.router.insert(pattern.as_str(), patterns.len()) {
                    panic!("the host refuses `{}`: {error}", handler.path);
                }
                routes.paths.push(Vec::new());
                patterns.push(pattern);
                patterns.len() - 1
            });
            routes.paths[at].push((handler.method, index));
        }
        routes
    }

    /// Finds the handler; the error is the response that a host would send.
    pub(super) fn find(&self, method: &Method, path: &str) -> Result<Routed, Error> {
        if self.paths.is_empty() {
            return Ok((0, Vec::new()));
        }
        let unknown =
            || Error::new(StatusCode::NOT_FOUND, "endpoint_unknown").with_detail("the plugin has no such endpoint");
        let found = self.router.at(path).map_err(|_| unknown())?;
        let methods = &self.paths[*found.value];
        let with = |wanted: &str| methods.iter().find(|(method, _)| *method == wanted).map(|(_, index)| *index);
        let handler = with(method.as_str()).or_else(|| if method == Method::HEAD { with("GET") } else { None });
        let Some(handler) = handler else {
            let names: Vec<&str> = methods.iter().map(|(method, _)| *method).collect();
            let detail = format!("the endpoint takes {}", names.join(", "));
            return Err(Error::new(StatusCode::METHOD_NOT_ALLOWED, "endpoint_method").with_detail(detail));
        };
        let params = found.params.iter().map(|(name, value)| Some((name.to_owned(), decoded(value)?)));
        let params = params.collect::<Option<Vec<_>>>().ok_or_else(|| {
            Error::new(StatusCode::BAD_REQUEST, "endpoint_path").with_detail("the path is not UTF-8 text")
        })?;
        Ok((handler, params))
    }
}

/// The path as the router writes it: `{name}` for `:name`, `{*rest}` for `*rest`.
fn pattern(path: &str) -> String {
    let parts = path.split('/').map(|part| match part.as_bytes().first() {
        Some(b':') => format!("{{{}}}", &part[1..]),
        Some(b'*') => format!("{{{part}}}"),
        _ => part.to_owned(),
    });
    parts.collect::<Vec<_>>().join("/")
}

/// Decodes one percent-encoded part; `None` if it is invalid.
fn decoded(text: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((&byte, after)) = rest.split_first() {
        rest = after;
        if byte != b'%' {
            bytes.push(byte);
            continue;
        }
        let (code, after) = rest.split_at_checked(2)?;
        let digit = |byte: u8| (byte as char).to_digit(16);
        bytes.push((digit(code[0])? * 16 + digit(code[1])?) as u8);
        rest = after;
    }
    String::from_utf8(bytes).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_ways_to_write_a_path_are_the_same_pattern() {
        for (path, wanted) in
            [("/a/:id/b", "/a/{id}/b"), ("/a/{id}/b", "/a/{id}/b"), ("/f/*rest", "/f/{*rest}"), ("/", "/")]
        {
            assert_eq!(pattern(path), wanted);
        }
        assert_eq!(decoded("x%20y%C3%AB").as_deref(), Some("x y\u{eb}"));
        assert_eq!((decoded("%zz"), decoded("%e"), decoded("%ff")), (None, None, None));
    }
}
