//! What a filter says about itself: `filter.toml`, carried inside the component as the custom
//! section `switchyard-manifest`, so that one file has one digest and one signature.
//!
//! Reading is strict and complete: unknown keys are refused with the nearest known one, and every
//! fault is reported, not only the first. Pure: no file is opened and nothing is run, so the
//! control plane reads uploads with it.

mod component;
mod fields;
mod manifest;
#[cfg(test)]
mod tests;

pub use component::{HANDLER_EXPORT, SECTION, Surface, surface};
pub use manifest::{Capability, Kind, MANIFEST_BYTES_MAX, Manifest};

/// Why a text or a component holds no valid manifest: every reason.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the filter manifest is refused: {}", .faults.join("; "))]
pub struct ManifestError {
    /// Never empty; sentences without a full stop.
    pub faults: Vec<String>,
}

impl ManifestError {
    fn one(fault: impl Into<String>) -> Self {
        Self { faults: vec![fault.into()] }
    }
}
