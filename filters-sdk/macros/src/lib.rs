//! The two attributes of `switchyard-filter`: `#[filter]` makes an `impl Filter` a component,
//! `#[config]` makes a type a configuration.

mod attributes;
mod filter;

use proc_macro::TokenStream;
use quote::quote;
use syn::parse_macro_input;

/// Makes an `impl Filter for Type` the filter of this crate.
///
/// ```text
/// #[filter(request_line, request_headers("x-tenant"), response_headers(all))]
/// ```
///
/// - `request_line`: the request head carries method, path and address.
/// - `request_headers(..)`, `response_headers(..)`: names, or `all`; without it a hook sees none.
///
/// It exports the component, tells the host to call only the hooks that are implemented, and adds
/// `type Config = NoConfig` and a `new` that returns `Default::default()` where they are missing.
/// A crate has one.
#[proc_macro_attribute]
pub fn filter(attribute: TokenStream, item: TokenStream) -> TokenStream {
    let wanted = parse_macro_input!(attribute as attributes::Wanted);
    let block = parse_macro_input!(item as syn::ItemImpl);
    filter::expand(&wanted, block).unwrap_or_else(syn::Error::into_compile_error).into()
}

/// Makes a type a configuration: serde's derives, unknown keys refused. serde's own attributes work
/// on its fields (`#[serde(default)]`); those that need self-describing data do not (`flatten`,
/// `untagged`, `tag`).
#[proc_macro_attribute]
pub fn config(attribute: TokenStream, item: TokenStream) -> TokenStream {
    let none = proc_macro2::TokenStream::from(attribute);
    if !none.is_empty() {
        return syn::Error::new_spanned(none, "`config` takes no arguments").into_compile_error().into();
    }
    let item = parse_macro_input!(item as syn::DeriveInput);
    let strict = matches!(&item.data, syn::Data::Struct(data) if matches!(data.fields, syn::Fields::Named(_)))
        .then(|| quote!(#[serde(deny_unknown_fields)]));
    quote! {
        #[derive(
            Debug,
            Clone,
            ::switchyard_filter::macro_support::serde::Serialize,
            ::switchyard_filter::macro_support::serde::Deserialize,
        )]
        #[serde(crate = "::switchyard_filter::macro_support::serde")]
        #strict
        #item
    }
    .into()
}
