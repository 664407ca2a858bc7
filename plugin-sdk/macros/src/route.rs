//! The routes of a method.

use proc_macro2::Span;
use syn::parse::{Parse, ParseStream};
use syn::{Attribute, Error, Ident, LitStr, Meta, Result, Token};

use crate::path::{pattern, shape};

/// The attributes that make a method a handler.
pub(crate) const HTTP_METHODS: [&str; 7] = ["get", "post", "put", "delete", "patch", "head", "options"];

/// One route.
pub(crate) struct Route {
    /// The method in upper case.
    pub(crate) http_method: String,
    pub(crate) path: LitStr,
    /// The path, with parameters written as `{name}`.
    pub(crate) pattern: String,
    /// The name of the handler in plugin.yaml.
    pub(crate) handler: String,
    /// The span of the handler's name.
    pub(crate) named_at: Span,
}

/// The argument of a route attribute: `"/path"` or `"/path", handler = "Name"`.
struct Arguments {
    path: LitStr,
    handler: Option<LitStr>,
}

impl Parse for Arguments {
    fn parse(input: ParseStream<'_>) -> Result<Arguments> {
        let path = input.parse()?;
        let mut handler = None;
        while input.parse::<Option<Token![,]>>()?.is_some() && !input.is_empty() {
            let key: Ident = input.parse()?;
            if key != "handler" {
                let help = format!("`{key}` is unknown here: only `handler = \"Name\"` may follow the path");
                return Err(Error::new(key.span(), help));
            }
            input.parse::<Token![=]>()?;
            if handler.replace(input.parse()?).is_some() {
                return Err(Error::new(key.span(), "the handler is named twice"));
            }
        }
        Ok(Arguments { path, handler })
    }
}

impl Route {
    pub(crate) fn new(http_method: &str, attribute: &Attribute, method: &Ident) -> Result<Route> {
        if !matches!(attribute.meta, Meta::List(_)) {
            let help = format!("#[{http_method}] needs the path: `#[{http_method}(\"/path\")]`");
            return Err(Error::new_spanned(attribute, help));
        }
        let Arguments { path, handler } = attribute.parse_args()?;
        let text = path.value();
        let pattern = pattern(&text).map_err(|rule| Error::new(path.span(), format!("the path `{text}` {rule}")))?;
        let (handler, named_at) = match handler {
            None => (method.to_string().trim_start_matches("r#").to_owned(), method.span()),
            Some(name) => (handler_name(&name)?, name.span()),
        };
        Ok(Route { http_method: http_method.to_ascii_uppercase(), path, pattern, handler, named_at })
    }

    /// The attribute that makes this route.
    pub(crate) fn attribute(http_method: &str, path: &str) -> String {
        format!("#[{}(\"{path}\")]", http_method.to_ascii_lowercase())
    }
}

fn handler_name(name: &LitStr) -> Result<String> {
    let text = name.value();
    let help = "a handler name starts with a letter and contains only letters, digits and `_`";
    if is_handler_name(&text) { Ok(text) } else { Err(Error::new(name.span(), help)) }
}

pub(crate) fn is_handler_name(text: &str) -> bool {
    text.starts_with(|c: char| c.is_ascii_alphabetic()) && text.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
}

/// Returns the routes that match the same requests as an earlier route.
pub(crate) fn duplicates<'a>(routes: impl Iterator<Item = &'a Route>) -> Vec<Error> {
    let mut seen: Vec<(&str, String, &Route)> = vec![];
    let mut errors = vec![];
    for route in routes {
        let (method, shape) = (route.http_method.as_str(), shape(&route.pattern));
        match seen.iter().find(|(m, s, _)| (*m, s) == (method, &shape)) {
            None => seen.push((method, shape, route)),
            Some((_, _, first)) => {
                let (path, first_path, handler) = (route.path.value(), first.path.value(), &first.handler);
                let help = format!("{method} {path} is routed twice: `{handler}` has {method} {first_path}");
                errors.push(Error::new(route.path.span(), help));
            }
        }
    }
    errors
}
