//! From an impl block to its routes and hooks.

use proc_macro2::{Span, TokenStream};
use syn::parse::{Parse, ParseStream};
use syn::{Attribute, Error, FnArg, Ident, ImplItem, ImplItemFn, ItemImpl, LitStr, ReceiverKind, Result, Token, Type};

/// An impl block, taken apart.
pub(crate) struct Plugin {
    /// The block without our attributes.
    pub(crate) block: ItemImpl,
    pub(crate) handlers: Vec<Handler>,
    pub(crate) start: Option<Method>,
    pub(crate) health: Option<Method>,
    pub(crate) stop: Option<Method>,
}

/// A method with routes.
pub(crate) struct Handler {
    pub(crate) method: Method,
    pub(crate) routes: Vec<Route>,
}

/// A method, as it is called.
pub(crate) struct Method {
    pub(crate) name: Ident,
    pub(crate) is_async: bool,
    pub(crate) takes_self: bool,
    pub(crate) arguments: Vec<Type>,
}

/// One route.
pub(crate) struct Route {
    /// In capitals.
    pub(crate) http_method: String,
    pub(crate) path: LitStr,
    /// The name plugin.yaml uses.
    pub(crate) handler: String,
}

const HTTP_METHODS: &[&str] = &["get", "post", "put", "delete", "patch", "head", "options"];
const HOOKS: &[&str] = &["start", "health", "stop"];

pub(crate) fn plugin(attribute: TokenStream, item: TokenStream) -> Result<Plugin> {
    if !attribute.is_empty() {
        return Err(Error::new_spanned(attribute, "#[plugin] takes no arguments"));
    }
    let mut block: ItemImpl = syn::parse2(item)?;
    if let Some((path, _)) = &block.trait_ {
        return Err(Error::new_spanned(path, "#[plugin] stands on an `impl YourPlugin` block, not on a trait's"));
    }
    let mut plugin = Plugin { block: block.clone(), handlers: vec![], start: None, health: None, stop: None };
    for item in &mut block.items {
        let ImplItem::Fn(function) = item else { continue };
        take_method(&mut plugin, function)?;
    }
    if plugin.handlers.is_empty() {
        return Err(Error::new(
            Span::call_site(),
            "a plugin has at least one handler: put #[get(\"/path\")] on a method",
        ));
    }
    refuse_duplicates(&plugin.handlers)?;
    plugin.block = block;
    Ok(plugin)
}

fn take_method(plugin: &mut Plugin, function: &mut ImplItemFn) -> Result<()> {
    let mut routes = vec![];
    let mut hook = None;
    let mut others = vec![];
    for attribute in std::mem::take(&mut function.attrs) {
        let name = attribute.path().get_ident().map(Ident::to_string).unwrap_or_default();
        if HTTP_METHODS.contains(&name.as_str()) {
            routes.push(route(&name, &attribute, function)?);
        } else if HOOKS.contains(&name.as_str()) {
            attribute.meta.require_path_only()?;
            hook = Some((name, attribute));
        } else {
            others.push(attribute);
        }
    }
    function.attrs = others;
    match (routes.is_empty(), hook) {
        (true, None) => Ok(()),
        (false, None) => {
            plugin.handlers.push(Handler { method: method(function)?, routes });
            Ok(())
        }
        (false, Some((_, attribute))) => {
            Err(Error::new_spanned(attribute, "a method is a handler or a hook, not both"))
        }
        (true, Some((name, attribute))) => {
            let method = method(function)?;
            let slot = match name.as_str() {
                "start" => {
                    if method.takes_self || method.arguments.len() > 1 {
                        let help = "#[start] makes the plugin: `fn start(context: Context) -> Result<Self, Error>`";
                        return Err(Error::new_spanned(&function.sig, help));
                    }
                    &mut plugin.start
                }
                _ => {
                    if !method.takes_self || !method.arguments.is_empty() {
                        let help = format!("#[{name}] takes `&self` only: `fn {name}(&self) -> Result<(), Error>`");
                        return Err(Error::new_spanned(&function.sig, help));
                    }
                    if name == "health" { &mut plugin.health } else { &mut plugin.stop }
                }
            };
            match slot.replace(method) {
                None => Ok(()),
                Some(_) => Err(Error::new_spanned(attribute, format!("there is another #[{name}] above"))),
            }
        }
    }
}

fn method(function: &ImplItemFn) -> Result<Method> {
    let signature = &function.sig;
    if !signature.generics.params.is_empty() {
        return Err(Error::new_spanned(&signature.generics, "a handler or hook has no generic parameters"));
    }
    let mut takes_self = false;
    let mut arguments = vec![];
    for argument in &signature.inputs {
        match argument {
            FnArg::Receiver(receiver) if matches!(receiver.kind, ReceiverKind::Reference(_, _, None)) => {
                takes_self = true;
            }
            FnArg::Receiver(receiver) => {
                let help =
                    "calls run at the same time, so this takes `&self`; keep what changes in a Mutex or an atomic";
                return Err(Error::new_spanned(receiver, help));
            }
            FnArg::Typed(typed) => arguments.push((*typed.ty).clone()),
        }
    }
    let is_async = signature.asyncness.is_some();
    Ok(Method { name: signature.ident.clone(), is_async, takes_self, arguments })
}

/// `"/path"` or `"/path", handler = "Name"`.
struct RouteArguments {
    path: LitStr,
    handler: Option<LitStr>,
}

impl Parse for RouteArguments {
    fn parse(input: ParseStream<'_>) -> Result<RouteArguments> {
        let path = input.parse()?;
        let mut handler = None;
        if input.parse::<Option<Token![,]>>()?.is_some() && !input.is_empty() {
            let key: Ident = input.parse()?;
            if key != "handler" {
                return Err(Error::new(key.span(), "only `handler = \"Name\"` may follow the path"));
            }
            input.parse::<Token![=]>()?;
            handler = Some(input.parse()?);
            input.parse::<Option<Token![,]>>()?;
        }
        Ok(RouteArguments { path, handler })
    }
}

fn route(http_method: &str, attribute: &Attribute, function: &ImplItemFn) -> Result<Route> {
    let arguments: RouteArguments = attribute.parse_args()?;
    if !arguments.path.value().starts_with('/') {
        return Err(Error::new(arguments.path.span(), "a path starts with `/`"));
    }
    let handler = match arguments.handler {
        None => function.sig.ident.to_string().trim_start_matches("r#").to_owned(),
        Some(name) => {
            let text = name.value();
            let word = text.starts_with(|c: char| c.is_ascii_alphabetic())
                && text.chars().all(|c| c.is_ascii_alphanumeric() || c == '_');
            if !word {
                return Err(Error::new(name.span(), "a handler name is a letter, then letters, digits and `_`"));
            }
            text
        }
    };
    Ok(Route { http_method: http_method.to_ascii_uppercase(), path: arguments.path, handler })
}

fn refuse_duplicates(handlers: &[Handler]) -> Result<()> {
    let mut seen: Vec<(&str, String)> = vec![];
    for route in handlers.iter().flat_map(|handler| &handler.routes) {
        let key = (route.http_method.as_str(), route.path.value());
        if seen.contains(&key) {
            let help = format!("{} {} is routed twice", key.0, key.1);
            return Err(Error::new(route.path.span(), help));
        }
        seen.push(key);
    }
    Ok(())
}
