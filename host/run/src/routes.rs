//! Which endpoint of a generation a request is for.

use std::str::FromStr as _;

use host_core::Manifest;
use host_core::manifest::Method;
use http::HeaderValue;

/// The routes of a generation.
pub(crate) struct Routes {
    router: matchit::Router<usize>,
    paths: Vec<PathRoutes>,
}

struct PathRoutes {
    /// The endpoint, by its index in the manifest, for each method.
    methods: Vec<(Method, usize)>,
    /// What `Allow` says.
    allow: HeaderValue,
}

/// Where a request goes.
#[derive(Debug)]
pub struct Routed {
    /// The endpoint, by its index in the manifest.
    pub endpoint: usize,
    /// Path parameters, decoded.
    pub params: Vec<(String, String)>,
}

/// Why a request goes nowhere.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RouteRefusal {
    /// No endpoint has that path.
    NotFound,
    /// The path has endpoints, but none with that method; what `Allow` says.
    Method(HeaderValue),
    /// The path holds an encoded separator, a dot segment or bytes that are not UTF-8.
    BadPath,
}

impl Routes {
    pub(crate) fn new(manifest: &Manifest) -> Routes {
        let mut routes = Routes { router: matchit::Router::new(), paths: vec![] };
        let mut patterns: Vec<&str> = vec![];
        for (index, endpoint) in manifest.endpoints.iter().enumerate() {
            let pattern = endpoint.path.pattern();
            let at = patterns.iter().position(|known| *known == pattern).unwrap_or_else(|| {
                // The manifest's check has refused patterns that a router would not take together.
                let _ = routes.router.insert(pattern, patterns.len());
                patterns.push(pattern);
                routes.paths.push(PathRoutes { methods: vec![], allow: HeaderValue::from_static("") });
                patterns.len() - 1
            });
            routes.paths[at].methods.push((endpoint.method, index));
        }
        for path in &mut routes.paths {
            path.allow = allow(&path.methods);
        }
        routes
    }

    /// Finds the endpoint for `path`, which starts with `/` and is percent-encoded, as the caller sent it.
    pub(crate) fn find(&self, method: &http::Method, path: &str) -> Result<Routed, RouteRefusal> {
        if !is_plain_path(path) {
            return Err(RouteRefusal::BadPath);
        }
        let found = self.router.at(path).map_err(|_| RouteRefusal::NotFound)?;
        let routes = &self.paths[*found.value];
        // plugin.yaml may write a method in any case; in HTTP `get` is another method than `GET`.
        let known = Method::from_str(method.as_str()).ok().filter(|known| known.as_str() == method.as_str());
        let endpoint = known.and_then(|method| {
            let with = |wanted: Method| routes.methods.iter().find(|(m, _)| *m == wanted).map(|(_, index)| *index);
            // A GET endpoint also answers HEAD; the server leaves the body out.
            with(method).or_else(|| if method == Method::Head { with(Method::Get) } else { None })
        });
        let Some(endpoint) = endpoint else { return Err(RouteRefusal::Method(routes.allow.clone())) };
        let mut params = vec![];
        for (name, value) in found.params.iter() {
            let value = decoded(value).ok_or(RouteRefusal::BadPath)?;
            params.push((name.to_owned(), value));
        }
        Ok(Routed { endpoint, params })
    }
}

fn allow(methods: &[(Method, usize)]) -> HeaderValue {
    let mut names: Vec<&str> = methods.iter().map(|(method, _)| method.as_str()).collect();
    if names.contains(&"GET") && !names.contains(&"HEAD") {
        names.push("HEAD");
    }
    if !names.contains(&"OPTIONS") {
        names.push("OPTIONS");
    }
    HeaderValue::from_str(&names.join(", ")).expect("names of methods are header text")
}

/// Whether no part of the path could mean another path to someone else: no dot segments, no encoded slash,
/// backslash, dot or zero, no bytes that are not UTF-8, no backslash, and no `;`, behind which some look for parameters and others for more of the name.
pub fn is_plain_path(path: &str) -> bool {
    let bytes = path.as_bytes();
    // Most paths hold none of them.
    if !bytes.iter().any(|byte| matches!(byte, b'%' | b'.' | b'\\' | b';')) {
        return true;
    }
    if bytes.iter().any(|byte| matches!(byte, b'\\' | b';')) || path.split('/').any(|part| matches!(part, "." | "..")) {
        return false;
    }
    bytes.iter().enumerate().filter(|(_, byte)| **byte == b'%').all(|(at, _)| {
        let code = bytes.get(at + 1..at + 3).map(<[u8]>::to_ascii_lowercase);
        code.is_some_and(|code| {
            code.iter().all(u8::is_ascii_hexdigit) && !matches!(&*code, b"2f" | b"5c" | b"00" | b"2e")
        })
    }) && decoded(path).is_some()
}

/// The text of one percent-encoded part; `None` when it is not UTF-8.
fn decoded(text: &str) -> Option<String> {
    if !text.contains('%') {
        return Some(text.to_owned());
    }
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
    use host_core::manifest::Mode;

    fn routes() -> Routes {
        let yaml = "id: abc\nname: A\nversion: 1.0.0\nendpoints:\n\
            - {path: /, method: GET, handler: root}\n\
            - {path: /a, method: GET, handler: a}\n\
            - {path: /a, method: POST, handler: b}\n\
            - {path: '/a/:id', method: GET, handler: c}\n\
            - {path: '/f/{*rest}', method: PUT, handler: d}\n";
        Routes::new(&Manifest::check(yaml.as_bytes(), Mode::Normal).unwrap().manifest)
    }

    fn find(method: &str, path: &str) -> String {
        match routes().find(&method.parse().unwrap(), path) {
            Ok(routed) => format!("{} {:?}", routed.endpoint, routed.params),
            Err(RouteRefusal::Method(allow)) => format!("405 {}", allow.to_str().unwrap()),
            Err(RouteRefusal::NotFound) => "404".to_owned(),
            Err(RouteRefusal::BadPath) => "400".to_owned(),
        }
    }

    #[test]
    fn a_request_finds_its_endpoint() {
        assert_eq!(find("GET", "/"), "0 []");
        assert_eq!(find("POST", "/a"), "2 []");
        assert_eq!(find("HEAD", "/a"), "1 []");
        assert_eq!(find("GET", "/a/x%20y%C3%AB"), r#"3 [("id", "x y\u{eb}")]"#.replace("\\u{eb}", "ë"));
        assert_eq!(find("PUT", "/f/a/b.c"), r#"4 [("rest", "a/b.c")]"#);
    }

    #[test]
    fn what_has_no_endpoint_is_told_why() {
        assert_eq!(find("DELETE", "/a"), "405 GET, POST, HEAD, OPTIONS");
        assert_eq!(find("BREW", "/a"), "405 GET, POST, HEAD, OPTIONS");
        assert_eq!(find("get", "/a"), "405 GET, POST, HEAD, OPTIONS");
        assert_eq!(find("GET", "/b"), "404");
        for bad in
            ["/a/%2e%2e", "/a/..", "/a/x%2fy", "/a/x%5Cy", "/a/x%00", "/a/%zz", "/a/%e", "/a/x%ff", "/a/x\\y", "/a/x;y"]
        {
            assert_eq!(find("GET", bad), "400", "{bad}");
        }
    }
}
