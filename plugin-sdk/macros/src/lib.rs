//! The attributes a plugin author writes; see `plugin-sdk`, which re-exports them.

mod agree;
mod expand;
mod hook;
mod manifest;
mod method;
mod parse;
mod path;
mod route;

use proc_macro::TokenStream;

/// Makes a plugin of an impl block.
///
/// # Handlers
///
/// Methods with a route attribute (`#[get("/path")]`, `post`, `put`, `delete`, `patch`, `head`, `options`) are
/// handlers. They are `async fn` or `fn`, take `&self`, `self: Arc<Self>` or no receiver, then extractors, and return a
/// response. An argument with an attribute reads one header: `#[header("x-name")] name: String`. plugin.yaml refers to
/// a handler by the method's name or by `#[get("/path", handler = "Name")]`. A method may have several routes.
///
/// # Hooks
///
/// | attribute | method | when it runs |
/// |---|---|---|
/// | `#[validate]` | `fn(settings: Configuration<T>)` | before anything is started with a configuration |
/// | `#[start]` | `fn(context: Context, settings: Configuration<T>) -> Result<Self>`, either, both or neither | makes the plugin; without it `Self::default()` is the plugin |
/// | `#[install]` | `fn(&self)` | the first time the plugin is ever installed |
/// | `#[upgrade]` | `fn(&self, from: String)` | in place of `install` when another version was there |
/// | `#[health]` | `fn(&self)` | before the plugin gets calls, and from then on as plugin.yaml says |
/// | `#[on_load]` | `fn(&self)` | calls come from now on |
/// | `#[on_config_change]` | `fn(&self, settings: Configuration<T>) -> Result<ConfigChange>` | the configuration was changed |
/// | `#[metrics]` | `fn(&self)` | before the metrics are read |
/// | `#[on_error]` | `fn(&self, report: &ErrorReport)` | a handler answered with a 5xx `Error`, or panicked |
/// | `#[on_unload]` | `fn(&self)` | no new calls arrive, running calls continue: end long streams |
/// | `#[uninstall]` | `fn(&self, keep_data: bool)` | the plugin is unloaded |
/// | `#[stop]` | `fn(&self)` | last |
///
/// Each may be used once, on an `async fn` or `fn` (`on_error` only on a `fn`) that returns `Result<(), E>` or nothing
/// unless the table says otherwise.
///
/// # plugin.yaml
///
/// The endpoints of `plugin.yaml` (or `.yml`) beside `Cargo.toml` are compared with the routes; every difference is a
/// compile error. `#[plugin(manifest = "path")]` names another file, relative to the folder of `Cargo.toml`, and
/// `#[plugin(manifest = false)]` disables the comparison for plugins in tests.
#[proc_macro_attribute]
pub fn plugin(attribute: TokenStream, item: TokenStream) -> TokenStream {
    match parse::plugin(attribute.into(), item.into()) {
        Ok(plugin) => expand::plugin(plugin).into(),
        Err(error) => error.into_compile_error().into(),
    }
}
