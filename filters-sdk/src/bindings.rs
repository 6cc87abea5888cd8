//! What `wit-bindgen` makes of `wit/filter.wit`. The rest of the crate is the comfortable form of it.

wit_bindgen::generate!({
    world: "http-filter",
    path: "wit",
    pub_export_macro: true,
    export_macro_name: "export_component",
    default_bindings_module: "switchyard_filter::macro_support::bindings",
});

pub use exports::switchyard::filter::handler;
pub use switchyard::filter::types;
