//! The attributes a plugin author writes; see `plugin-sdk`, which re-exports them.

mod expand;
mod parse;

use proc_macro::TokenStream;

/// Makes a plugin of an impl block.
///
/// Methods with a route attribute (`#[get("/path")]`, `post`, `put`, `delete`, `patch`, `head`, `options`) are handlers.
/// They are `async fn` or `fn`, take `&self` or nothing, then extractors, and return anything that makes a
/// response. plugin.yaml names a handler by the method's name, or by `#[get("/path", handler = "Name")]`. One method
/// may have several routes.
///
/// At most one method each may be `#[start]` (`fn(Context) -> Result<Self, E>`; without it `Self::default()` is the
/// plugin), `#[health]` and `#[stop]` (`fn(&self) -> Result<(), E>`).
#[proc_macro_attribute]
pub fn plugin(attribute: TokenStream, item: TokenStream) -> TokenStream {
    parse::plugin(attribute.into(), item.into())
        .map(expand::plugin)
        .unwrap_or_else(|error| error.to_compile_error())
        .into()
}
