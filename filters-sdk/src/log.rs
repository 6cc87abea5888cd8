//! Lines for the node's log. Tenant, plugin, version and request id are added by the host.

pub use crate::bindings::switchyard::filter::log::Level;

/// One line with fields. Over the limit of an exchange, lines are dropped and counted.
pub fn emit(level: Level, message: &str, fields: &[(&str, &str)]) {
    let fields: Vec<(String, String)> =
        fields.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
    host::emit(level, message, &fields);
}

pub fn trace(message: &str) {
    host::emit(Level::Trace, message, &[]);
}

pub fn debug(message: &str) {
    host::emit(Level::Debug, message, &[]);
}

pub fn info(message: &str) {
    host::emit(Level::Info, message, &[]);
}

pub fn warn(message: &str) {
    host::emit(Level::Warn, message, &[]);
}

pub fn error(message: &str) {
    host::emit(Level::Error, message, &[]);
}

#[cfg(target_arch = "wasm32")]
use crate::bindings::switchyard::filter::log as host;

/// In an author's unit tests lines go to standard error.
#[cfg(not(target_arch = "wasm32"))]
mod host {
    pub(super) fn emit(level: super::Level, message: &str, fields: &[(String, String)]) {
        eprintln!("{level:?} {message} {fields:?}");
    }
}
