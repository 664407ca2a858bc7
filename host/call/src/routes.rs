//! The routes of a generation: from method and path to an endpoint.

use std::str::FromStr as _;

use host_core::Manifest;
use host_core::manifest::Method;
use http::HeaderValue;

use crate::path::{check_path, decoded};
use crate::refusal::RouteRefusal;

/// The routes of a generation.
pub struct Routes {
    router: matchit::Router<usize>,
    paths: Vec<PathRoutes>,
}

struct PathRoutes {
    /// The path as in plugin.yaml.
    written: String,
    /// The index of the endpoint in the manifest, for each method.
    methods: Vec<(Method, usize)>,
    /// The value of `Allow`.
    allow: HeaderValue,
}

/// The endpoint that a request was routed to.
#[derive(Debug)]
pub struct Routed {
    /// The index of the endpoint in the manifest.
    pub endpoint: usize,
    /// The path parameters, percent-decoded.
    pub params: Vec<(String, String)>,
}

impl Routes {
    /// The routes of the endpoints of a checked manifest.
    pub fn new(manifest: &Manifest) -> Routes {
        let mut routes = Routes { router: matchit::Router::new(), paths: vec![] };
        let mut patterns: Vec<&str> = vec![];
        for (index, endpoint) in manifest.endpoints.iter().enumerate() {
            let pattern = endpoint.path.pattern();
            let at = patterns.iter().position(|known| *known == pattern).unwrap_or_else(|| {
                // The check of the manifest has refused patterns that conflict in a router.
                let _ = routes.router.insert(pattern, patterns.len());
                patterns.push(pattern);
                let written = endpoint.path.as_str().to_owned();
                routes.paths.push(PathRoutes { written, methods: vec![], allow: HeaderValue::from_static("") });
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
    ///
    /// # Errors
    /// [`RouteRefusal`] if no endpoint matches.
    pub fn find(&self, method: &http::Method, path: &str) -> Result<Routed, RouteRefusal> {
        check_path(path).map_err(RouteRefusal::BadPath)?;
        let found = self.router.at(path).map_err(|_| RouteRefusal::NotFound(self.near(path)))?;
        let routes = &self.paths[*found.value];
        // Methods are case-sensitive in HTTP, though plugin.yaml accepts any case.
        let known = Method::from_str(method.as_str()).ok().filter(|known| known.as_str() == method.as_str());
        let endpoint = known.and_then(|method| {
            let with = |wanted: Method| routes.methods.iter().find(|(m, _)| *m == wanted).map(|(_, index)| *index);
            // A GET endpoint also answers HEAD; the server omits the body.
            with(method).or_else(|| if method == Method::Head { with(Method::Get) } else { None })
        });
        let Some(endpoint) = endpoint else { return Err(RouteRefusal::Method(routes.allow.clone())) };
        let mut params = vec![];
        for (name, value) in found.params.iter() {
            let value = decoded(value).map_err(RouteRefusal::BadPath)?;
            params.push((name.to_owned(), value));
        }
        Ok(Routed { endpoint, params })
    }

    /// Returns the path of an endpoint that differs from a path only in the `/` at its end or in upper and lower case.
    fn near(&self, path: &str) -> Option<String> {
        let with_other_end = match path.strip_suffix('/') {
            Some(shorter) => shorter.to_owned(),
            None => format!("{path}/"),
        };
        let is_endpoint = |path: &String| self.router.at(path).is_ok();
        let in_other_case = || {
            let mut paths = self.paths.iter().map(|routes| &routes.written);
            paths.find(|written| written.eq_ignore_ascii_case(path)).cloned()
        };
        Some(with_other_end).filter(is_endpoint).or_else(in_other_case)
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
            Err(RouteRefusal::NotFound(near)) => format!("404 {}", near.unwrap_or_default()).trim_end().to_owned(),
            Err(RouteRefusal::BadPath(_)) => "400".to_owned(),
        }
    }

    #[test]
    fn a_request_is_routed_by_method_and_path() {
        assert_eq!(find("GET", "/"), "0 []");
        assert_eq!(find("POST", "/a"), "2 []");
        assert_eq!(find("HEAD", "/a"), "1 []");
        assert_eq!(find("GET", "/a/x%20y%C3%AB"), r#"3 [("id", "x y\u{eb}")]"#.replace("\\u{eb}", "ë"));
        assert_eq!(find("PUT", "/f/a/b.c"), r#"4 [("rest", "a/b.c")]"#);
    }

    #[test]
    fn a_request_without_an_endpoint_gets_the_reason() {
        assert_eq!(find("DELETE", "/a"), "405 GET, POST, HEAD, OPTIONS");
        assert_eq!(find("BREW", "/a"), "405 GET, POST, HEAD, OPTIONS");
        assert_eq!(find("get", "/a"), "405 GET, POST, HEAD, OPTIONS");
        assert_eq!(find("GET", "/b"), "404");
        assert_eq!(find("GET", "/a/"), "404 /a");
        assert_eq!(find("GET", "/A"), "404 /a");
        assert_eq!(find("GET", "/a/x/"), "404 /a/x");
        for bad in
            ["/a/%2e%2e", "/a/..", "/a/x%2fy", "/a/x%5Cy", "/a/x%00", "/a/%zz", "/a/%e", "/a/x%ff", "/a/x\\y", "/a/x;y"]
        {
            assert_eq!(find("GET", bad), "400", "{bad}");
        }
    }
}
