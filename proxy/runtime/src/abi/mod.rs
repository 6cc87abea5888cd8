//! The ways a filter can be written. Each speaks the same `exchange` to the rest of the house; for
//! now there is the native contract of `filters-sdk/wit/filter.wit`.

pub(crate) mod native;
