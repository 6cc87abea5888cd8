//! What `wit-bindgen` makes of `wit/filter.wit`. The rest of the crate is the comfortable form of it.

wit_bindgen::generate!({
    world: "http-filter",
    path: "wit",
});

pub use exports::switchyard::filter::handler;
pub use switchyard::filter::types;
