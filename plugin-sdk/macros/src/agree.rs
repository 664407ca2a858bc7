//! The comparison of the code's routes with plugin.yaml.

use proc_macro2::Span;
use syn::{Error, Ident};

use crate::manifest::Endpoint;
use crate::path::pattern;
use crate::route::{HTTP_METHODS, Route, is_handler_name};

/// The code's side of the comparison.
pub(crate) struct Code<'a> {
    pub(crate) routes: Vec<&'a Route>,
    /// All methods, also those without a route.
    pub(crate) methods: &'a [Ident],
    /// The span for problems that belong to no method.
    pub(crate) block: Span,
}

/// Returns every difference, each at the best place to fix it in the code. `file` is the name of the manifest.
pub(crate) fn differences(code: &Code<'_>, endpoints: &[Endpoint], file: &str) -> Vec<Error> {
    let mut errors = vec![];
    // Endpoints that violate a rule by themselves must be fixed first; they lead to no advice for the code.
    let mut broken = vec![];
    let mut sound: Vec<(&Endpoint, String)> = vec![];
    for endpoint in endpoints {
        match check(endpoint) {
            Ok(pattern) => sound.push((endpoint, pattern)),
            Err(rule) => {
                errors.push(Error::new(code.block, format!("{file} line {}: {rule}", endpoint.line)));
                broken.push(endpoint);
            }
        }
    }
    let endpoints = sound;
    let mut strays: Vec<&Route> = code
        .routes
        .iter()
        .filter(|route| !endpoints.iter().any(|(endpoint, pattern)| is_for(route, endpoint, pattern)))
        .filter(|route| !broken.iter().any(|endpoint| endpoint.handler == route.handler))
        .copied()
        .collect();
    for (endpoint, pattern) in &endpoints {
        let Endpoint { line, method, path, handler } = endpoint;
        let has = format!("{file} line {line} has {method} {path} (handler `{handler}`)");
        let attribute = Route::attribute(method, path);
        if let Some(route) = code.routes.iter().find(|route| is_for(route, endpoint, pattern)) {
            if route.handler != *handler {
                let found = &route.handler;
                let help = format!(
                    "{has}, but here the handler is `{found}`; name this method `{handler}`, write `#[{}(\"{path}\", handler = \
                     \"{handler}\")]`, or write `handler: {found}` in {file}",
                    method.to_ascii_lowercase()
                );
                errors.push(Error::new(route.named_at, help));
            }
        } else if let Some(at) = strays.iter().position(|route| route.handler == *handler) {
            // A route and an endpoint with the same name and no other match are assumed to belong together.
            let route = strays.remove(at);
            let (found, found_path) = (&route.http_method, route.path.value());
            let help =
                format!("{has}, but here it is {found} {found_path}; write `{attribute}`, or change the endpoint");
            errors.push(Error::new(route.path.span(), help));
        } else if let Some(named) = code.methods.iter().find(|name| *name == handler) {
            let help = format!("{has}; add `{attribute}` to this method, or remove the endpoint");
            errors.push(Error::new(named.span(), help));
        } else {
            let help = format!(
                "{has}; add `{attribute}` to a method named `{handler}` of this block, or remove the endpoint; a crate has one `#[plugin]` block"
            );
            errors.push(Error::new(code.block, help));
        }
    }
    for route in strays {
        let (method, path, handler) = (&route.http_method, route.path.value(), &route.handler);
        let help = format!(
            "{method} {path} (handler `{handler}`) is not in {file}; remove the route, or add under `endpoints`:\n\
             \x20 - path: {path}\n    method: {method}\n    handler: {handler}"
        );
        errors.push(Error::new(route.path.span(), help));
    }
    errors
}

/// Checks an endpoint and returns its path as a pattern.
///
/// # Errors
/// The violated rule, about its method, its handler's name or its path.
fn check(endpoint: &Endpoint) -> Result<String, String> {
    let Endpoint { method, path, handler, .. } = endpoint;
    let methods = HTTP_METHODS.map(str::to_ascii_uppercase);
    if !methods.contains(method) {
        return Err(format!("the method `{method}` is not one of {}", methods.join(", ")));
    }
    if !is_handler_name(handler) {
        return Err(format!(
            "the handler `{handler}` must start with a letter and contain only letters, digits and `_`"
        ));
    }
    pattern(path).map_err(|rule| format!("the path `{path}` {rule}"))
}

fn is_for(route: &Route, endpoint: &Endpoint, pattern: &str) -> bool {
    route.http_method == endpoint.method && route.pattern == pattern
}

#[cfg(test)]
mod tests {
    use super::*;
    use syn::{Attribute, parse_quote};

    fn route(attribute: Attribute, method: &str) -> Route {
        let name = attribute.path().get_ident().unwrap().to_string();
        Route::new(&name, &attribute, &Ident::new(method, Span::call_site())).unwrap()
    }

    fn compare(endpoints: &[(&str, &str, &str)]) -> Vec<String> {
        let routes = [route(parse_quote!(#[get("/a/:id")]), "one"), route(parse_quote!(#[post("/b")]), "two")];
        let methods = ["one", "two", "three"].map(|name| Ident::new(name, Span::call_site()));
        let endpoint = |(line, (method, path, handler)): (usize, &(&str, &str, &str))| Endpoint {
            line: line as u64 + 1,
            method: (*method).to_owned(),
            path: (*path).to_owned(),
            handler: (*handler).to_owned(),
        };
        let endpoints: Vec<_> = endpoints.iter().enumerate().map(endpoint).collect();
        let code = Code { routes: routes.iter().collect(), methods: &methods, block: Span::call_site() };
        differences(&code, &endpoints, "plugin.yaml").iter().map(Error::to_string).collect()
    }

    #[test]
    fn matching_routes_cause_no_error() {
        assert_eq!(compare(&[("POST", "/b", "two"), ("GET", "/a/{id}", "one")]), [""; 0]);
    }

    #[test]
    fn each_difference_names_both_sides_and_the_fix() {
        let a = ("GET", "/a/{id}", "one");
        let b = ("POST", "/b", "two");
        for (endpoints, wanted) in [
            (
                &[a, b, ("PUT", "/c", "three")][..],
                "plugin.yaml line 3 has PUT /c (handler `three`); add `#[put(\"/c\")]` to this method, or remove the endpoint",
            ),
            (
                &[a, b, ("PUT", "/c", "four")],
                "plugin.yaml line 3 has PUT /c (handler `four`); add `#[put(\"/c\")]` to a method named `four` of this block, or remove the endpoint; a crate has one `#[plugin]` block",
            ),
            (
                &[a, ("PUT", "/b", "two")],
                "plugin.yaml line 2 has PUT /b (handler `two`), but here it is POST /b; write `#[put(\"/b\")]`, or change the endpoint",
            ),
            (
                &[a, ("POST", "/b", "Two")],
                "plugin.yaml line 2 has POST /b (handler `Two`), but here the handler is `two`; name this method `Two`, write `#[post(\"/b\", handler = \"Two\")]`, or write `handler: two` in plugin.yaml",
            ),
            (
                &[a],
                "POST /b (handler `two`) is not in plugin.yaml; remove the route, or add under `endpoints`:\n  - path: /b\n    method: POST\n    handler: two",
            ),
            (&[a, ("POST", "b", "two")], "plugin.yaml line 2: the path `b` must start with `/`"),
            (
                &[a, b, ("FETCH", "/c", "three")],
                "plugin.yaml line 3: the method `FETCH` is not one of GET, POST, PUT, DELETE, PATCH, HEAD, OPTIONS",
            ),
            (
                &[a, b, ("GET", "/c", "2nd")],
                "plugin.yaml line 3: the handler `2nd` must start with a letter and contain only letters, digits and `_`",
            ),
        ] {
            assert_eq!(compare(endpoints), [wanted]);
        }
    }
}
