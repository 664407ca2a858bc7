//! From routes and hooks to the `Plugin` implementation.

use proc_macro2::TokenStream;
use quote::{ToTokens as _, format_ident, quote};

use crate::parse::{Handler, Method, Plugin};

pub(crate) fn plugin(plugin: Plugin) -> TokenStream {
    let Plugin { block, handlers, start, health, stop } = plugin;
    let this = &block.self_ty;
    let (generics, _, where_clause) = block.generics.split_for_impl();

    let table = handlers.iter().flat_map(|handler| &handler.routes).map(|route| {
        let (name, method, path) = (&route.handler, &route.http_method, &route.path);
        quote!(::plugin_sdk::Handler { handler: #name, method: #method, path: #path })
    });
    let mut index = 0u32;
    let arms = handlers.iter().map(|handler| arm(handler, &mut index)).collect::<Vec<_>>();

    let start = match start {
        None => quote!(
            let _ = context;
            Ok(<Self as ::core::default::Default>::default())
        ),
        Some(method) => {
            let context = (!method.arguments.is_empty()).then(|| quote!(context));
            let call = call(&method, context.into_iter().collect());
            quote!(#call.map_err(::core::convert::Into::into))
        }
    };
    let health = hook(health);
    let stop = hook(stop);

    quote! {
        #block

        impl #generics ::plugin_sdk::Plugin for #this #where_clause {
            const HANDLERS: &'static [::plugin_sdk::Handler] = &[#(#table),*];

            #[allow(unused_variables)]
            async fn start(context: ::plugin_sdk::Context) -> ::core::result::Result<Self, ::plugin_sdk::Error> {
                #start
            }

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

            async fn health(self: ::std::sync::Arc<Self>) -> ::core::result::Result<(), ::plugin_sdk::Error> {
                #health
            }

            async fn stop(self: ::std::sync::Arc<Self>) -> ::core::result::Result<(), ::plugin_sdk::Error> {
                #stop
            }
        }
    }
}

fn arm(handler: &Handler, index: &mut u32) -> TokenStream {
    let indices = handler.routes.iter().map(|_| {
        *index += 1;
        *index - 1
    });
    let indices = indices.collect::<Vec<_>>();
    let names = (0..handler.method.arguments.len()).map(|n| format_ident!("argument{n}")).collect::<Vec<_>>();
    let arguments = handler.method.arguments.iter().zip(&names).map(|(kind, name)| {
        quote! {
            let #name = match ::plugin_sdk::__private::from_request::<#kind>(&mut request).await {
                Ok(value) => value,
                Err(error) => return ::plugin_sdk::IntoResponse::into_response(error),
            };
        }
    });
    let call = call(&handler.method, names.iter().map(|name| name.to_token_stream()).collect());
    quote! {
        #(#indices)|* => {
            #(#arguments)*
            ::plugin_sdk::IntoResponse::into_response(#call)
        }
    }
}

fn call(method: &Method, arguments: Vec<TokenStream>) -> TokenStream {
    let name = &method.name;
    let call = match method.takes_self {
        // As a path, so that the author's own method is meant and not one of `Arc` or of `Plugin` with the same name.
        true => quote!(Self::#name(&self, #(#arguments),*)),
        false => quote!(Self::#name(#(#arguments),*)),
    };
    if method.is_async { quote!(#call.await) } else { call }
}

fn hook(method: Option<Method>) -> TokenStream {
    match method {
        None => quote!(Ok(())),
        Some(method) => {
            let call = call(&method, vec![]);
            quote!(#call.map_err(::core::convert::Into::into))
        }
    }
}
