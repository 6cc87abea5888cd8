//! Guests written by hand in WAT against the canonical ABI, so that a test can make any hook do
//! anything. A hook without a body of its own returns zeros, which mean: accepted, nothing asked
//! for, nothing edited, body spliced.

use wit_component::{ComponentEncoder, StringEncoding, embed_component_metadata};
use wit_parser::Resolve;

/// Name, parameters and result of every export, as the canonical ABI flattens them.
const HOOKS: [(&str, &str, &str); 12] = [
    ("configure", "(param i32 i32)", "(result i32)"),
    ("health", "", "(result i32)"),
    ("start", "(param i32 i32)", ""),
    ("on-request", "(param i64 i32 i32 i32 i32 i32 i32 i32 i32 i32 i32 i32 i32 i32 i32)", "(result i32)"),
    ("on-request-chunk", "(param i64 i32 i32 i32)", "(result i32)"),
    ("on-request-whole", "(param i64 i32 i32)", "(result i32)"),
    ("on-response", "(param i64 i32 i32 i32 i32)", "(result i32)"),
    ("on-response-chunk", "(param i64 i32 i32 i32)", "(result i32)"),
    ("on-response-whole", "(param i64 i32 i32)", "(result i32)"),
    ("on-trailers", "(param i64 i32 i32)", ""),
    ("on-finished", "(param i64 i32 i64 i64 i64 i64)", ""),
    ("close", "(param i64)", ""),
];

/// Where a hook without a body finds its zeros; the memory is zero from here on.
pub const ZEROS: u32 = 1024;

const BUMP: &str = "global.get $next
    global.get $next local.get 3 i32.add i32.const 7 i32.add i32.const -8 i32.and global.set $next";

#[derive(Default, Clone)]
pub struct Guest {
    hooks: Vec<(&'static str, String)>,
    items: String,
    allocator: Option<String>,
}

impl Guest {
    /// Gives a hook a body (instructions; `i32.const 1024` is "nothing").
    pub fn hook(mut self, name: &'static str, body: &str) -> Self {
        self.hooks.push((name, body.to_owned()));
        self
    }

    /// More of the core module: globals, functions, data, a start function.
    pub fn item(mut self, wat: &str) -> Self {
        self.items.push_str(wat);
        self
    }

    /// Another `cabi_realloc`; the default one moves a pointer up.
    pub fn allocator(mut self, body: &str) -> Self {
        self.allocator = Some(body.to_owned());
        self
    }

    /// As a component, encoded as `switchyard filter build` does it.
    pub fn build(&self) -> Vec<u8> {
        let mut wat = String::from("(module (memory (export \"memory\") 1)\n");
        let allocator = self.allocator.as_deref().unwrap_or(BUMP);
        wat.push_str("(global $next (mut i32) (i32.const 8192))");
        wat.push_str(&format!("(func (export \"cabi_realloc\") (param i32 i32 i32 i32) (result i32) {allocator})\n"));
        for (name, params, result) in HOOKS {
            let default = if result.is_empty() { String::new() } else { format!("i32.const {ZEROS}") };
            let body = self.hooks.iter().find(|(hook, _)| *hook == name).map_or(default, |(_, body)| body.clone());
            wat.push_str(&format!(
                "(func (export \"switchyard:filter/handler@0.1.0#{name}\") {params} {result} {body})\n"
            ));
        }
        wat.push_str(&self.items);
        wat.push(')');
        let mut module = wat::parse_str(&wat).unwrap_or_else(|error| panic!("{error}\n{wat}"));
        let mut resolve = Resolve::default();
        let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../../filters-sdk/wit");
        let (package, _) = resolve.push_dir(folder).expect("the contract parses");
        let world = resolve.select_world(&[package], Some("base")).expect("the contract has this world");
        embed_component_metadata(&mut module, &resolve, world, StringEncoding::UTF8).expect("embeds");
        ComponentEncoder::default()
            .module(&module)
            .and_then(|encoder| encoder.validate(true).encode())
            .expect("encodes")
    }
}
