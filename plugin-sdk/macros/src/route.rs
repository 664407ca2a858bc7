//! The routes of a method.

use proc_macro2::Span;
use syn::parse::{Parse, ParseStream};
use syn::{Attribute, Error, Ident, LitBool, LitStr, Meta, Result, Token};

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
    /// The span of `blocking = false`, if it is there.
    pub(crate) does_not_block: Option<Span>,
}

/// The argument of a route attribute: `"/path"`, and then `handler = "Name"` and `blocking = false` in any order.
struct Arguments {
    path: LitStr,
    handler: Option<LitStr>,
    does_not_block: Option<Span>,
}

impl Parse for Arguments {
    fn parse(input: ParseStream<'_>) -> Result<Arguments> {
        let path = input.parse()?;
        let mut handler = None;
        let mut does_not_block = None;
        while input.parse::<Option<Token![,]>>()?.is_some() && !input.is_empty() {
            let key: Ident = input.parse()?;
            let is_known = key == "handler" || key == "blocking";
            if !is_known {
                let help =
                    format!("`{key}` is unknown here: `handler = \"Name\"` and `blocking = false` may follow the path");
                return Err(Error::new(key.span(), help));
            }
            input.parse::<Token![=]>()?;
            let is_second = if key == "handler" {
                handler.replace(input.parse()?).is_some()
            } else {
                does_not_block.replace(parse_false(input, &key)?).is_some()
            };
            if is_second {
                return Err(Error::new(key.span(), format!("`{key}` is given twice")));
            }
        }
        Ok(Arguments { path, handler, does_not_block })
    }
}

/// Parses the value of `blocking`, and returns the span of its key.
fn parse_false(input: ParseStream<'_>, key: &Ident) -> Result<Span> {
    let value: LitBool = input.parse()?;
    if value.value {
        let help =
            "`blocking` accepts only `false`: a plain `fn` may block without it, and an `async fn` must not block";
        return Err(Error::new(value.span(), help));
    }
    Ok(key.span())
}

impl Route {
    pub(crate) fn new(http_method: &str, attribute: &Attribute, method: &Ident) -> Result<Route> {
        if !matches!(attribute.meta, Meta::List(_)) {
            let help = format!("#[{http_method}] needs the path: `#[{http_method}(\"/path\")]`");
            return Err(Error::new_spanned(attribute, help));
        }
        let Arguments { path, handler, does_not_block } = attribute.parse_args()?;
        let text = path.value();
        let pattern = pattern(&text).map_err(|rule| Error::new(path.span(), format!("the path `{text}` {rule}")))?;
        let (handler, named_at) = match handler {
            None => (method.to_string().trim_start_matches("r#").to_owned(), method.span()),
            Some(name) => (handler_name(&name)?, name.span()),
        };
        Ok(Route { http_method: http_method.to_ascii_uppercase(), path, pattern, handler, named_at, does_not_block })
    }

    /// The attribute that makes this route.
    pub(crate) fn attribute(http_method: &str, path: &str) -> String {
        format!("#[{}(\"{path}\")]", http_method.to_ascii_lowercase())
    }
}

fn handler_name(name: &LitStr) -> Result<String> {
    let text = name.value();
    let help = "a handler name must start with a letter and contain only letters, digits and `_`";
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
                let help = format!("{method} {path} is routed twice: `{handler}` already has {method} {first_path}");
                errors.push(Error::new(route.path.span(), help));
            }
        }
    }
    errors
}
