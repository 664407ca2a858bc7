//! Generates the `Plugin` implementation from routes and hooks.

use std::path::PathBuf;

use proc_macro2::TokenStream;
use quote::{ToTokens as _, format_ident, quote, quote_spanned};
use syn::Error;
use syn::spanned::Spanned as _;

use crate::agree::{Code, differences};
use crate::hook::start;
use crate::manifest;
use crate::method::mentions;
use crate::parse::{Handler, Manifest, Plugin};

pub(crate) fn plugin(mut plugin: Plugin) -> TokenStream {
    let is_broken = !plugin.errors.is_empty();
    // If a method is invalid, its missing route is not reported as well.
    let read = if is_broken { TokenStream::new() } else { compare(&mut plugin) };
    let Plugin { block, handlers, hooks, errors, .. } = &plugin;
    let this = &block.self_ty;
    let (generics, _, where_clause) = block.generics.split_for_impl();

    let table = handlers.iter().flat_map(|handler| &handler.routes).map(|route| {
        let (name, method, path) = (&route.handler, &route.http_method, &route.path);
        quote!(::plugin_sdk::Handler { handler: #name, method: #method, path: #path })
    });
    let mut index = 0u32;
    let arms = handlers.iter().map(|handler| arm(handler, &mut index)).collect::<Vec<_>>();
    let checks = handlers.iter().filter(|_| block.generics.params.is_empty()).map(body_check);
    let names = hooks.iter().filter(|hook| hook.kind.is_asked_for()).map(|hook| hook.kind.name);
    let mut methods = hooks.iter().map(|hook| hook.expand()).collect::<Vec<_>>();
    if !hooks.iter().any(|hook| hook.kind.name == "start") {
        methods.push(start(if is_broken {
            // The invalid method may be `#[start]`, so `Default` must not be required.
            quote!(::core::unreachable!())
        } else {
            quote_spanned!(this.span()=> Ok(::plugin_sdk::__private::start_without_hook::<Self>()))
        }));
    }
    let errors = errors.iter().map(Error::to_compile_error);

    quote! {
        #block
        #(#errors)*
        #read
        #(#checks)*

        impl #generics ::plugin_sdk::Plugin for #this #where_clause {
            const HANDLERS: &'static [::plugin_sdk::Handler] = &[#(#table),*];
            const HOOKS: &'static [&'static str] = &[#(#names),*];

            #[allow(unused_mut, unused_variables)]
            async fn call(
                self: ::std::sync::Arc<Self>,
                handler: u32,
                mut request: ::plugin_sdk::Request,
            ) -> ::plugin_sdk::Response {
                match handler {
                    #(#arms)*
                    _ => ::plugin_sdk::IntoResponse::into_response(::plugin_sdk::Error::new(
                        ::plugin_sdk::StatusCode::NOT_FOUND,
                        "no_such_handler",
                    )),
                }
            }

            #(#methods)*
        }
    }
}

/// Compares the code with the manifest, and makes cargo compile the plugin again when the manifest changes.
fn compare(plugin: &mut Plugin) -> TokenStream {
    let name = match &plugin.manifest {
        Manifest::None => return TokenStream::new(),
        Manifest::Beside => None,
        Manifest::At(name) => Some(name.value()),
    };
    let Some(folder) = std::env::var_os("CARGO_MANIFEST_DIR") else { return TokenStream::new() };
    let Some(found) = manifest::find(&PathBuf::from(folder), name.as_deref()) else { return TokenStream::new() };
    let block = plugin.block.self_ty.span();
    match found.endpoints {
        Ok(endpoints) => {
            let routes = plugin.handlers.iter().flat_map(|handler| &handler.routes).collect();
            let code = Code { routes, methods: &plugin.methods, block };
            let errors = differences(&code, &endpoints, &found.name);
            plugin.errors.extend(errors);
        }
        Err(why) => {
            let at = if let Manifest::At(name) = &plugin.manifest { name.span() } else { block };
            plugin.errors.push(Error::new(at, format!("{}: {why}", found.name)));
        }
    }
    if !found.exists {
        return TokenStream::new();
    }
    let path = format!("/{}", found.name);
    quote! {
        const _: &[u8] = ::core::include_bytes!(::core::concat!(::core::env!("CARGO_MANIFEST_DIR"), #path));
    }
}

/// The body can be read only once; the argument types determine whether two of them would read it.
fn body_check(handler: &Handler) -> TokenStream {
    let extractors = handler.method.arguments.iter().filter(|argument| argument.header.is_none());
    let kinds = extractors.map(|argument| &argument.kind).collect::<Vec<_>>();
    // A constant outside the block knows no `Self`.
    if kinds.len() < 2 || kinds.iter().any(|kind| mentions(kind.to_token_stream(), "Self")) {
        return TokenStream::new();
    }
    let kinds = kinds.iter().map(|kind| quote_spanned!(kind.span()=> <#kind as ::plugin_sdk::FromRequest>::TAKES_BODY));
    quote_spanned! { handler.method.name.span()=>
        const _: () = ::plugin_sdk::__private::body_is_taken_once(&[#(#kinds),*]);
    }
}

fn arm(handler: &Handler, index: &mut u32) -> TokenStream {
    let indices = handler.routes.iter().map(|_| {
        *index += 1;
        *index - 1
    });
    let indices = indices.collect::<Vec<_>>();
    let method = &handler.method;
    let names = (0..method.arguments.len()).map(|n| format_ident!("argument{n}")).collect::<Vec<_>>();
    let request = quote!(request);
    let arguments = method.arguments.iter().zip(&names).map(|(argument, name)| {
        let kind = &argument.kind;
        let made = match &argument.header {
            Some(header) => quote!(::plugin_sdk::__private::header::<#kind>(&#request, #header)),
            // Everything has the argument's span, so a type that is not an extractor is reported there, and once.
            None => quote_spanned!(kind.span()=> ::plugin_sdk::__private::from_request::<#kind>(&mut #request).await),
        };
        quote! {
            let #name = match #made {
                Ok(value) => value,
                Err(error) => return ::plugin_sdk::IntoResponse::into_response(error),
            };
        }
    });
    let call = method.call(&names.iter().map(|name| name.to_token_stream()).collect::<Vec<_>>());
    let mut answer = method.convert("answer", call);
    if handler.may_block {
        // The closure takes the arguments and `self` along.
        answer = quote!(::plugin_sdk::__private::off_worker(move || #answer).await);
    }
    quote! {
        #(#indices)|* => {
            #(#arguments)*
            #answer
        }
    }
}
