//! Metrics in the tenant's own namespace, shown at the node's `/metrics`. Names and label names are
//! `[a-z_][a-z0-9_]*`; what does not fit, or would exceed the series limit, is dropped and counted.

/// Adds to a counter.
pub fn count(name: &str, labels: &[(&str, &str)], add: u64) {
    host::count(name, &owned(labels), add);
}

/// Sets a gauge.
pub fn gauge(name: &str, labels: &[(&str, &str)], value: f64) {
    host::gauge(name, &owned(labels), value);
}

/// Adds an observation to a histogram.
pub fn observe(name: &str, labels: &[(&str, &str)], value: f64) {
    host::observe(name, &owned(labels), value);
}

fn owned(labels: &[(&str, &str)]) -> Vec<(String, String)> {
    labels.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
}

#[cfg(target_arch = "wasm32")]
use crate::bindings::switchyard::filter::metrics as host;

/// An author's unit tests keep no metrics.
#[cfg(not(target_arch = "wasm32"))]
mod host {
    type Labels = [(String, String)];

    pub(super) fn count(_: &str, _: &Labels, _: u64) {}
    pub(super) fn gauge(_: &str, _: &Labels, _: f64) {}
    pub(super) fn observe(_: &str, _: &Labels, _: f64) {}
}
