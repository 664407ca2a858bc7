//! A method of the plugin and how to call it.

use proc_macro2::TokenStream;
use quote::{ToTokens as _, quote_spanned};
use syn::spanned::Spanned as _;
use syn::{Attribute, Error, FnArg, Ident, ImplItemFn, LitStr, ReceiverKind, Result, ReturnType, Type};

/// A method of the plugin.
pub(crate) struct Method {
    pub(crate) name: Ident,
    pub(crate) is_async: bool,
    pub(crate) receiver: Receiver,
    pub(crate) arguments: Vec<Argument>,
    /// `None` when it returns nothing, or a type that has no name (`impl …`).
    pub(crate) returns: Option<Type>,
}

/// The receiver of a method.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Receiver {
    Nothing,
    Reference,
    Arc,
}

/// An argument after `self`.
pub(crate) struct Argument {
    pub(crate) kind: Type,
    /// The header to read, in lower case; `None` for an extractor.
    pub(crate) header: Option<String>,
}

impl Method {
    /// Parses a method and removes the SDK's attributes from its arguments.
    pub(crate) fn new(function: &mut ImplItemFn) -> Result<Method> {
        let signature = &mut function.sig;
        if let Some(attribute) = function.attrs.iter().find(|attribute| is_conditional(attribute)) {
            let help = "a handler or hook must not be conditional, because plugin.yaml lists it for every build: \
                        move the condition into the method";
            return Err(Error::new_spanned(attribute, help));
        }
        // Lifetimes refer to the arguments and are allowed.
        if signature.generics.type_params().next().is_some() || signature.generics.const_params().next().is_some() {
            let help = "a handler or hook must not have generic parameters, because the host cannot choose their types";
            return Err(Error::new_spanned(&signature.generics, help));
        }
        let mut receiver = Receiver::Nothing;
        let mut arguments = vec![];
        for argument in &mut signature.inputs {
            match argument {
                FnArg::Receiver(argument) => receiver = Receiver::new(argument)?,
                FnArg::Typed(argument) => {
                    if mentions_impl(&argument.ty) {
                        let help = "an argument of a handler or hook must have a named type, not `impl …`";
                        return Err(Error::new_spanned(&argument.ty, help));
                    }
                    if is_state(&argument.ty) {
                        let help = "the state of a plugin is `self`, not an argument `State<T>`: use the fields of \
                                    `self`; if `State` is an extractor of yours, write its path (`crate::State<T>`)";
                        return Err(Error::new_spanned(&argument.ty, help));
                    }
                    let header = take_header(&mut argument.attrs)?;
                    arguments.push(Argument { kind: (*argument.ty).clone(), header });
                }
            }
        }
        let returns = match &signature.output {
            ReturnType::Type(_, kind) if !mentions_impl(kind) => Some((**kind).clone()),
            _ => None,
        };
        Ok(Method {
            name: signature.ident.clone(),
            is_async: signature.asyncness.is_some(),
            receiver,
            arguments,
            returns,
        })
    }

    /// The call, awaited if necessary. `self` is an `Arc<Self>` there if the method uses it.
    pub(crate) fn call(&self, arguments: &[TokenStream]) -> TokenStream {
        let name = &self.name;
        // A path call, so that it names the author's method and not a method of `Arc` or `Plugin` with the same name.
        let call = match self.receiver {
            Receiver::Nothing => quote_spanned!(name.span()=> Self::#name(#(#arguments),*)),
            Receiver::Reference => quote_spanned!(name.span()=> Self::#name(&self, #(#arguments),*)),
            Receiver::Arc => {
                quote_spanned!(name.span()=> Self::#name(::std::sync::Arc::clone(&self), #(#arguments),*))
            }
        };
        if self.is_async { quote_spanned!(name.span()=> #call.await) } else { call }
    }

    /// Wraps `call` in the SDK's `function`. Type errors are reported at the return type of the method, or at its name
    /// if there is none.
    pub(crate) fn convert(&self, function: &str, call: TokenStream) -> TokenStream {
        self.convert_to(TokenStream::new(), function, call)
    }

    /// Like `convert`, with one more type parameter: `, Type`.
    pub(crate) fn convert_to(&self, wanted: TokenStream, function: &str, call: TokenStream) -> TokenStream {
        let (kind, span) = match &self.returns {
            Some(kind) => (kind.to_token_stream(), kind.span()),
            None => (quote_spanned!(self.name.span()=> _), self.name.span()),
        };
        let function = Ident::new(function, span);
        quote_spanned!(span=> ::plugin_sdk::__private::#function::<#kind #wanted>(#call))
    }
}

/// Returns whether a type contains `impl …`, which cannot be named elsewhere.
fn mentions_impl(kind: &Type) -> bool {
    mentions(kind.to_token_stream(), "impl")
}

/// Returns whether a type is `State<T>`, which handlers of axum take.
fn is_state(kind: &Type) -> bool {
    let Type::Path(path) = kind else { return false };
    let mut segments = path.path.segments.iter();
    let is_generic = |segment: &syn::PathSegment| matches!(segment.arguments, syn::PathArguments::AngleBracketed(_));
    segments.next().is_some_and(|segment| segment.ident == "State" && is_generic(segment)) && segments.next().is_none()
}

/// Returns whether `tokens` contains a word.
pub(crate) fn mentions(tokens: TokenStream, word: &str) -> bool {
    tokens.into_iter().any(|token| match token {
        proc_macro2::TokenTree::Ident(ident) => ident == word,
        proc_macro2::TokenTree::Group(group) => mentions(group.stream(), word),
        _ => false,
    })
}

fn is_conditional(attribute: &Attribute) -> bool {
    attribute.path().is_ident("cfg") || attribute.path().is_ident("cfg_attr")
}

impl Receiver {
    fn new(receiver: &syn::Receiver) -> Result<Receiver> {
        match &receiver.kind {
            ReceiverKind::Reference(_, _, None) => Ok(Receiver::Reference),
            ReceiverKind::Typed(_, kind) => {
                let text = kind.to_token_stream().to_string().replace(' ', "");
                let is_arc = text.rsplit("::").next() == Some("Arc<Self>");
                let help = "calls run concurrently, so this method must take `&self` or `self: Arc<Self>`";
                if is_arc { Ok(Receiver::Arc) } else { Err(Error::new_spanned(receiver, help)) }
            }
            _ => {
                let help = "calls run concurrently, so this method must take `&self`: keep state that changes in a \
                            `Mutex` or an atomic";
                Err(Error::new_spanned(receiver, help))
            }
        }
    }
}

fn take_header(attributes: &mut Vec<Attribute>) -> Result<Option<String>> {
    let Some(at) = attributes.iter().position(|attribute| attribute.path().is_ident("header")) else {
        return Ok(None);
    };
    let attribute = attributes.remove(at);
    let help = "#[header] needs the name of the header: `#[header(\"x-name\")] name: String`";
    let name: LitStr = attribute.parse_args().map_err(|_| Error::new_spanned(&attribute, help))?;
    let text = name.value();
    let is_token = |byte: u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte);
    if text.is_empty() || !text.bytes().all(is_token) {
        return Err(Error::new(
            name.span(),
            "the name of a header may contain only letters, digits and some signs such as `-`",
        ));
    }
    Ok(Some(text.to_ascii_lowercase()))
}
