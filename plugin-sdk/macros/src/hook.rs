//! The hooks of a plugin with their arguments and return types.

use proc_macro2::TokenStream;
use quote::{quote, quote_spanned};
use syn::spanned::Spanned as _;
use syn::{Error, ImplItemFn, Result};

use crate::method::{Method, Receiver};

/// A hook that an author may write.
pub(crate) struct Kind {
    pub(crate) name: &'static str,
    takes: Takes,
    /// An example of its signature.
    example: &'static str,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Takes {
    /// `&self` alone.
    Itself,
    /// `&self` and the value from the host.
    Value,
    /// `&self` and optionally the configuration.
    ItselfAndConfiguration,
    /// The configuration.
    Configuration,
    /// Context and configuration: none, one or both, in any order.
    Start,
    /// `&self` and a report; not async.
    Report,
}

/// All hooks.
pub(crate) const KINDS: &[Kind] = &[
    Kind {
        name: "start",
        takes: Takes::Start,
        example: "async fn start(context: Context, settings: Configuration<Settings>) -> Result<Self>",
    },
    Kind {
        name: "validate",
        takes: Takes::Configuration,
        example: "fn validate(settings: Configuration<Settings>) -> Result<()>",
    },
    Kind { name: "install", takes: Takes::Itself, example: "async fn install(&self) -> Result<()>" },
    Kind { name: "upgrade", takes: Takes::Value, example: "async fn upgrade(&self, from: String) -> Result<()>" },
    Kind {
        name: "uninstall",
        takes: Takes::Value,
        example: "async fn uninstall(&self, keep_data: bool) -> Result<()>",
    },
    Kind { name: "on_load", takes: Takes::Itself, example: "async fn on_load(&self)" },
    Kind { name: "on_unload", takes: Takes::Itself, example: "async fn on_unload(&self)" },
    Kind {
        name: "on_config_change",
        takes: Takes::ItselfAndConfiguration,
        example: "fn on_config_change(&self, settings: Configuration<Settings>) -> Result<ConfigChange>",
    },
    Kind { name: "metrics", takes: Takes::Itself, example: "fn metrics(&self)" },
    Kind { name: "health", takes: Takes::Itself, example: "async fn health(&self) -> Result<()>" },
    Kind { name: "stop", takes: Takes::Itself, example: "async fn stop(&self)" },
    Kind { name: "on_error", takes: Takes::Report, example: "fn on_error(&self, report: &ErrorReport)" },
];

impl Kind {
    /// Returns whether the host calls this hook only if it is in the list of hooks that the macro writes. The host
    /// always calls `start`, `health` and `stop`; the SDK calls `on_error`.
    pub(crate) fn is_asked_for(&self) -> bool {
        !matches!(self.name, "start" | "health" | "stop" | "on_error")
    }
}

/// A hook that the author wrote.
pub(crate) struct Hook {
    pub(crate) kind: &'static Kind,
    pub(crate) method: Method,
}

impl Hook {
    pub(crate) fn new(kind: &'static Kind, function: &mut ImplItemFn) -> Result<Hook> {
        let method = Method::new(function)?;
        let n = method.arguments.len();
        let with_self = method.receiver != Receiver::Nothing;
        let fits = match kind.takes {
            Takes::Itself => with_self && n == 0,
            Takes::Value => with_self && n == 1,
            Takes::ItselfAndConfiguration => with_self && n <= 1,
            Takes::Configuration => !with_self && n == 1,
            Takes::Start => !with_self && n <= 2,
            Takes::Report => method.receiver == Receiver::Reference && n == 1 && !method.is_async,
        };
        if !fits || method.arguments.iter().any(|argument| argument.header.is_some()) {
            let help = format!("#[{}] must have a signature such as `{}`", kind.name, kind.example);
            return Err(Error::new_spanned(&function.sig, help));
        }
        Ok(Hook { kind, method })
    }

    /// The method of the `Plugin` trait.
    pub(crate) fn expand(&self) -> TokenStream {
        let name = quote::format_ident!("{}", self.kind.name);
        let method = &self.method;
        let arc = quote!(self: ::std::sync::Arc<Self>);
        let done = quote!(::core::result::Result<(), ::plugin_sdk::Error>);
        let value = quote!(configuration: ::plugin_sdk::__private::Value);
        let configuration = || {
            let kinds = method.arguments.iter().map(|argument| &argument.kind);
            kinds.map(
                |kind| quote_spanned!(kind.span()=> ::plugin_sdk::__private::configuration::<#kind>(&configuration)?),
            )
        };
        match self.kind.takes {
            Takes::Itself => {
                let body = method.convert("hook_answer", method.call(&[]));
                quote!(async fn #name(#arc) -> #done { #body })
            }
            Takes::Value => {
                let kind = &method.arguments[0].kind;
                let passed = quote_spanned!(kind.span()=> passed);
                let wanted = if self.kind.name == "upgrade" { quote!(::std::string::String) } else { quote!(bool) };
                let body = method.convert("hook_answer", method.call(std::slice::from_ref(&passed)));
                quote!(async fn #name(#arc, #passed: #wanted) -> #done { #body })
            }
            Takes::Configuration => {
                let call = method.call(&configuration().collect::<Vec<_>>());
                let body = method.convert("hook_answer", call);
                quote!(async fn #name(#value) -> #done { #body })
            }
            Takes::ItselfAndConfiguration => {
                let call = method.call(&configuration().collect::<Vec<_>>());
                let body = method.convert("config_answer", call);
                let change = quote!(::core::result::Result<::plugin_sdk::ConfigChange, ::plugin_sdk::Error>);
                quote!(#[allow(unused_variables)] async fn #name(#arc, #value) -> #change { #body })
            }
            Takes::Start => {
                let kinds = method.arguments.iter().map(|argument| &argument.kind);
                let arguments = kinds.map(
                    |kind| quote_spanned!(kind.span()=> ::plugin_sdk::__private::start_argument::<#kind>(&context)?),
                );
                let call = method.call(&arguments.collect::<Vec<_>>());
                start(method.convert_to(quote!(, Self), "start_answer", call))
            }
            Takes::Report => {
                let kind = &method.arguments[0].kind;
                let passed = quote_spanned!(kind.span()=> passed);
                let name = &method.name;
                quote!(fn on_error(&self, #passed: &::plugin_sdk::ErrorReport) { Self::#name(self, #passed); })
            }
        }
    }
}

/// The method `start` of the `Plugin` trait.
pub(crate) fn start(body: TokenStream) -> TokenStream {
    quote! {
        #[allow(unused_variables)]
        async fn start(context: ::plugin_sdk::Context) -> ::core::result::Result<Self, ::plugin_sdk::Error> { #body }
    }
}
