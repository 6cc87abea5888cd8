//! What `#[filter]` makes of an `impl Filter` block.

use crate::attributes::{Headers, Wanted};
use proc_macro2::TokenStream;
use quote::quote;
use syn::{ImplItem, ItemImpl, parse_quote};

pub(crate) fn expand(wanted: &Wanted, mut block: ItemImpl) -> syn::Result<TokenStream> {
    let is_filter = |path: &syn::Path| path.segments.last().is_some_and(|last| last.ident == "Filter");
    if !block.trait_.as_ref().is_some_and(|(_, path, _)| is_filter(path)) {
        return Err(syn::Error::new_spanned(&block.self_ty, "#[filter] belongs on an `impl Filter for ..` block"));
    }
    if !block.generics.params.is_empty() {
        return Err(syn::Error::new_spanned(&block.generics, "a filter is one type, without parameters"));
    }
    let declared = declared(wanted, &block);
    if !block.items.iter().any(|item| matches!(item, ImplItem::Type(of) if of.ident == "Config")) {
        block.items.push(parse_quote!(
            type Config = ::switchyard_filter::NoConfig;
        ));
    }
    if !has(&block, "new") {
        block.items.push(parse_quote!(
            fn new(_: &'static Self::Config) -> Self {
                ::core::default::Default::default()
            }
        ));
    }
    block.items.push(declared);
    let filter = &block.self_ty;
    Ok(quote! {
        #block

        const _: () = {
            ::std::thread_local! {
                static INSTANCE: ::switchyard_filter::macro_support::Instance<#filter> =
                    const { ::switchyard_filter::macro_support::Instance::new() };
            }
            impl ::switchyard_filter::macro_support::Hosted for #filter {
                const INSTANCE: &'static ::std::thread::LocalKey<::switchyard_filter::macro_support::Instance<Self>> =
                    &INSTANCE;
            }
            // Elsewhere, as in an author's unit tests, nothing is exported; this alone uses the type.
            #[cfg(not(target_arch = "wasm32"))]
            const _: fn(&'static <#filter as ::switchyard_filter::Filter>::Config) -> #filter =
                <#filter as ::switchyard_filter::Filter>::new;
            #[cfg(target_arch = "wasm32")]
            type Component = ::switchyard_filter::macro_support::Component<#filter>;
            #[cfg(target_arch = "wasm32")]
            ::switchyard_filter::export_hooks!(Component);
        };
    })
}

fn has(block: &ItemImpl, method: &str) -> bool {
    block.items.iter().any(|item| matches!(item, ImplItem::Fn(function) if function.sig.ident == method))
}

/// The phases follow from the hooks that are there.
fn declared(wanted: &Wanted, block: &ItemImpl) -> ImplItem {
    let any = |methods: &[&str]| methods.iter().any(|method| has(block, method));
    let request_line = wanted.request_line;
    let request_headers = names(wanted.request_headers.as_ref());
    let response_headers = names(wanted.response_headers.as_ref());
    let request_body = any(&["on_request_chunk", "on_request_body"]);
    let response_body = any(&["on_response_chunk", "on_response_body"]);
    // A response's body is planned by its head.
    let response = any(&["on_response"]) || response_body;
    let trailers = any(&["on_trailers"]);
    let finished = any(&["on_finished"]);
    parse_quote! {
        const DECLARED: ::switchyard_filter::macro_support::Declared = ::switchyard_filter::macro_support::Declared {
            request_line: #request_line,
            request_headers: #request_headers,
            response_headers: #response_headers,
            request_body: #request_body,
            response: #response,
            response_body: #response_body,
            trailers: #trailers,
            finished: #finished,
        };
    }
}

/// `None` is all; no wish is no header.
fn names(headers: Option<&Headers>) -> TokenStream {
    match headers {
        None => quote!(::core::option::Option::Some(&[])),
        Some(Headers::All) => quote!(::core::option::Option::None),
        Some(Headers::Named(names)) => quote!(::core::option::Option::Some(&[#(#names),*])),
    }
}

#[cfg(test)]
mod tests {
    use super::{Wanted, expand};
    use quote::quote;

    fn expanded(block: proc_macro2::TokenStream) -> syn::Result<String> {
        expand(&Wanted::default(), syn::parse2(block)?).map(|tokens| tokens.to_string())
    }

    #[test]
    fn only_an_impl_of_filter_for_one_type_is_taken() {
        let refused = |block| expanded(block).expect_err("refused").to_string();
        assert!(refused(quote!(impl Gate {})).starts_with("#[filter] belongs on"));
        assert!(refused(quote!(impl Clone for Gate {})).starts_with("#[filter] belongs on"));
        assert!(
            refused(quote!(
                impl<T> Filter for Gate<T> {}
            ))
            .starts_with("a filter is one type")
        );
    }

    #[test]
    fn what_is_left_out_is_filled_in_and_what_is_there_is_kept() {
        let bare = expanded(quote!(impl Filter for Gate {})).expect("good");
        assert!(bare.contains("NoConfig") && bare.contains("Default :: default"));
        let full = quote!(impl Filter for Gate { type Config = C; fn new(c: &'static C) -> Self { Gate } });
        let full = expanded(full).expect("good");
        assert!(!full.contains("NoConfig") && !full.contains("Default :: default"));
    }

    #[test]
    fn phases_follow_from_the_hooks() {
        let body = expanded(quote!(impl Filter for Gate { fn on_response_body(&mut self) {} })).expect("good");
        for wanted in ["response : true", "response_body : true", "request_body : false", "finished : false"] {
            assert!(body.contains(wanted), "{wanted}");
        }
    }
}
