//! The arguments of `#[filter(..)]`.

use syn::parse::{Parse, ParseStream};
use syn::punctuated::Punctuated;
use syn::{Ident, LitStr, Token, parenthesized};

/// What the filter wants to see.
#[derive(Default)]
pub(crate) struct Wanted {
    pub(crate) request_line: bool,
    pub(crate) request_headers: Option<Headers>,
    pub(crate) response_headers: Option<Headers>,
}

pub(crate) enum Headers {
    All,
    Named(Vec<String>),
}

impl Parse for Wanted {
    fn parse(input: ParseStream<'_>) -> syn::Result<Self> {
        let mut wanted = Self::default();
        while !input.is_empty() {
            let key: Ident = input.parse()?;
            let repeated = match key.to_string().as_str() {
                "request_line" => std::mem::replace(&mut wanted.request_line, true),
                "request_headers" => wanted.request_headers.replace(headers(input)?).is_some(),
                "response_headers" => wanted.response_headers.replace(headers(input)?).is_some(),
                _ => {
                    let known = "expected `request_line`, `request_headers(..)` or `response_headers(..)`";
                    return Err(syn::Error::new(key.span(), known));
                }
            };
            if repeated {
                return Err(syn::Error::new(key.span(), format!("`{key}` is given twice")));
            }
            if !input.is_empty() {
                input.parse::<Token![,]>()?;
            }
        }
        Ok(wanted)
    }
}

/// `("a", "b")` or `(all)`.
fn headers(input: ParseStream<'_>) -> syn::Result<Headers> {
    let content;
    parenthesized!(content in input);
    if content.peek(Ident) {
        let word: Ident = content.parse()?;
        return match word == "all" && content.is_empty() {
            true => Ok(Headers::All),
            false => Err(syn::Error::new(word.span(), "expected header names in quotes, or `all`")),
        };
    }
    let names = Punctuated::<LitStr, Token![,]>::parse_terminated(&content)?;
    let mut names = names.iter().map(header_name).collect::<syn::Result<Vec<_>>>()?;
    names.sort_unstable();
    names.dedup();
    Ok(Headers::Named(names))
}

fn header_name(name: &LitStr) -> syn::Result<String> {
    let text = name.value();
    let token = |b: u8| b.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&b);
    if text.is_empty() || !text.bytes().all(token) {
        return Err(syn::Error::new(name.span(), "not a header name: letters, digits and dashes are expected"));
    }
    Ok(text.to_ascii_lowercase())
}

#[cfg(test)]
mod tests {
    use super::{Headers, Wanted};
    use quote::quote;

    fn refused(attribute: proc_macro2::TokenStream) -> String {
        syn::parse2::<Wanted>(attribute).err().expect("refused").to_string()
    }

    #[test]
    fn names_are_lower_case_and_there_once() {
        let attribute = quote!(request_line, request_headers("X-B", "x-a", "x-b"), response_headers(all));
        let wanted = syn::parse2::<Wanted>(attribute).expect("good");
        assert!(wanted.request_line && matches!(wanted.response_headers, Some(Headers::All)));
        assert!(matches!(wanted.request_headers, Some(Headers::Named(names)) if names == ["x-a", "x-b"]));
    }

    #[test]
    fn what_is_not_understood_is_refused() {
        assert!(refused(quote!(request_header("a"))).starts_with("expected `request_line`"));
        assert!(refused(quote!(request_headers(everything))).starts_with("expected header names"));
        assert!(refused(quote!(request_headers(all, "a"))).starts_with("expected header names"));
        assert!(refused(quote!(request_headers("a b"))).starts_with("not a header name"));
        assert!(refused(quote!(request_headers(""))).starts_with("not a header name"));
        assert_eq!(refused(quote!(request_line, request_line)), "`request_line` is given twice");
        assert_eq!(refused(quote!(request_line request_headers(all))), "expected `,`");
    }
}
