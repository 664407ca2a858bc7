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

/// Implements `Plugin` for the type of an impl block, from its routes and hooks.
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
/// | `#[validate]` | `fn(settings: Configuration<T>)` | before the plugin is started with a configuration |
/// | `#[start]` | `fn(context: Context, settings: Configuration<T>) -> Result<Self>`; both arguments are optional | creates the plugin; without it, `Self::default()` does |
/// | `#[install]` | `fn(&self)` | the first time the plugin is installed |
/// | `#[upgrade]` | `fn(&self, from: String)` | instead of `install` if another version was installed before |
/// | `#[health]` | `fn(&self)` | before the first call, then regularly as configured in plugin.yaml |
/// | `#[on_load]` | `fn(&self)` | after the swap, when calls start to arrive |
/// | `#[on_config_change]` | `fn(&self, settings: Configuration<T>) -> Result<ConfigChange>` | after a configuration change |
/// | `#[metrics]` | `fn(&self)` | before the metrics are read |
/// | `#[on_error]` | `fn(&self, report: &ErrorReport)` | after a handler returned a 5xx `Error` or panicked |
/// | `#[on_unload]` | `fn(&self)` | when no new calls arrive and the running ones drain; end long streams here |
/// | `#[uninstall]` | `fn(&self, keep_data: bool)` | when the plugin is unloaded |
/// | `#[stop]` | `fn(&self)` | after the last call, before the plugin is dropped |
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
