//! Parses an impl block into its routes and hooks.

use proc_macro2::{Span, TokenStream};
use syn::parse::{Parse, ParseStream};
use syn::{Attribute, Error, Ident, ImplItem, ImplItemFn, ItemImpl, LitBool, LitStr, Meta, Result, Token};

use crate::hook::{Hook, KINDS, Kind};
use crate::method::Method;
use crate::route::{HTTP_METHODS, Route, duplicates};

/// The parts of an impl block.
pub(crate) struct Plugin {
    /// The block without the attributes of the SDK.
    pub(crate) block: ItemImpl,
    pub(crate) handlers: Vec<Handler>,
    pub(crate) hooks: Vec<Hook>,
    /// The names of all methods, also of methods without an attribute of the SDK.
    pub(crate) methods: Vec<Ident>,
    pub(crate) manifest: Manifest,
    /// The errors of invalid methods.
    pub(crate) errors: Vec<Error>,
}

/// A method with routes.
pub(crate) struct Handler {
    pub(crate) method: Method,
    pub(crate) routes: Vec<Route>,
    /// Whether it runs on a thread of the plugin: a plain function without `blocking = false`.
    pub(crate) may_block: bool,
}

impl Handler {
    fn new(method: Method, routes: Vec<Route>) -> Result<Handler> {
        let says_no = routes.iter().find_map(|route| route.does_not_block);
        if let (true, Some(span)) = (method.is_async, says_no) {
            let help = "an `async fn` is always polled on the host's worker threads: remove `blocking = false`";
            return Err(Error::new(span, help));
        }
        if says_no.is_some() {
            if let Some(other) = routes.iter().find(|route| route.does_not_block.is_none()) {
                let help = "another route of this method has `blocking = false`: add it here, too";
                return Err(Error::new(other.path.span(), help));
            }
        }
        Ok(Handler { may_block: !method.is_async && says_no.is_none(), method, routes })
    }
}

/// The manifest that the routes are compared with.
pub(crate) enum Manifest {
    /// plugin.yaml or plugin.yml beside Cargo.toml, if it exists.
    Beside,
    /// The file with this name.
    At(LitStr),
    /// No manifest.
    None,
}

impl Parse for Manifest {
    fn parse(input: ParseStream<'_>) -> Result<Manifest> {
        if input.is_empty() {
            return Ok(Manifest::Beside);
        }
        let key: Ident = input.parse()?;
        if key != "manifest" {
            let help = format!(
                "`{key}` is unknown here: #[plugin] accepts `manifest = \"path\"`, `manifest = false` or nothing"
            );
            return Err(Error::new(key.span(), help));
        }
        input.parse::<Token![=]>()?;
        let manifest = if input.peek(LitBool) {
            let value: LitBool = input.parse()?;
            if value.value { Manifest::Beside } else { Manifest::None }
        } else {
            let help = "`manifest` must be `false` or the path of a file, relative to the folder of Cargo.toml";
            Manifest::At(input.parse().map_err(|error| Error::new(error.span(), help))?)
        };
        input.parse::<Option<Token![,]>>()?;
        Ok(manifest)
    }
}

pub(crate) fn plugin(attribute: TokenStream, item: TokenStream) -> Result<Plugin> {
    let help = "#[plugin] must be on an `impl YourPlugin` block";
    let block: ItemImpl = syn::parse2(item).map_err(|error| Error::new(error.span(), format!("{help}: {error}")))?;
    if let Some((path, _)) = &block.trait_ {
        return Err(Error::new_spanned(path, format!("{help}, not on a trait's")));
    }
    let (manifest, errors) = match syn::parse2(attribute) {
        Ok(manifest) => (manifest, vec![]),
        Err(error) => (Manifest::None, vec![error]),
    };
    let mut plugin = Plugin { block, handlers: vec![], hooks: vec![], methods: vec![], manifest, errors };
    let mut items = std::mem::take(&mut plugin.block.items);
    for item in &mut items {
        let ImplItem::Fn(function) = item else { continue };
        plugin.methods.push(function.sig.ident.clone());
        if let Err(error) = take_method(&mut plugin, function) {
            plugin.errors.push(error);
        }
    }
    plugin.block.items = items;
    if plugin.handlers.is_empty() && plugin.errors.is_empty() {
        let help = "a plugin must have at least one handler: add `#[get(\"/path\")]` to a method";
        plugin.errors.push(Error::new(Span::call_site(), help));
    }
    plugin.errors.extend(duplicates(plugin.handlers.iter().flat_map(|handler| &handler.routes)));
    Ok(plugin)
}

fn take_method(plugin: &mut Plugin, function: &mut ImplItemFn) -> Result<()> {
    let (routes, hook) = take_attributes(function)?;
    match (routes.is_empty(), hook) {
        (true, None) => Ok(()),
        (false, None) => {
            plugin.handlers.push(Handler::new(Method::new(function)?, routes)?);
            Ok(())
        }
        (false, Some((_, attribute))) => Err(Error::new_spanned(
            attribute,
            "a method is a handler or a hook, not both: move one to a method of its own",
        )),
        (true, Some((kind, attribute))) => {
            if let Some(other) = plugin.hooks.iter().find(|hook| hook.kind.name == kind.name) {
                let help = format!("there is another #[{}], `{}`: keep one of them", kind.name, other.method.name);
                return Err(Error::new_spanned(attribute, help));
            }
            plugin.hooks.push(Hook::new(kind, function)?);
            Ok(())
        }
    }
}

type Found = (Vec<Route>, Option<(&'static Kind, Attribute)>);

/// Removes the SDK's attributes from a method.
fn take_attributes(function: &mut ImplItemFn) -> Result<Found> {
    let mut routes = vec![];
    let mut hook: Option<(&Kind, Attribute)> = None;
    let mut errors: Option<Error> = None;
    let mut note = |error: Error| match &mut errors {
        Some(errors) => errors.combine(error),
        None => errors = Some(error),
    };
    let (ours, others) = std::mem::take(&mut function.attrs).into_iter().partition(|attribute| {
        let is = |name: &&str| attribute.path().is_ident(*name);
        HTTP_METHODS.iter().any(is) || KINDS.iter().any(|kind| is(&kind.name))
    });
    function.attrs = others;
    let ours: Vec<Attribute> = ours;
    for attribute in ours {
        match KINDS.iter().find(|kind| attribute.path().is_ident(kind.name)) {
            None => {
                let name = attribute.path().get_ident().map(Ident::to_string).unwrap_or_default();
                match Route::new(&name, &attribute, &function.sig.ident) {
                    Ok(route) => routes.push(route),
                    Err(error) => note(error),
                }
            }
            Some(kind) if !matches!(attribute.meta, Meta::Path(_)) => {
                note(Error::new_spanned(&attribute, format!("#[{}] accepts no arguments", kind.name)));
            }
            Some(kind) => {
                if let Some((first, _)) = &hook {
                    let help = format!("a method can be only one hook, and this method is already #[{}]", first.name);
                    note(Error::new_spanned(&attribute, help));
                }
                hook = Some((kind, attribute));
            }
        }
    }
    errors.map_or(Ok((routes, hook)), Err)
}
