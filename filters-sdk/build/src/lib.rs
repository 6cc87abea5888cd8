//! Builds filters and looks into them: a folder with a `filter.toml` becomes one component file that
//! carries its manifest; a component becomes an [`Inspection`].
//!
//! Building runs cargo (or clang) as a child process, on a developer's machine or in a test. Nothing
//! here is called by a running node.

mod build;
mod clang;
mod componentize;
mod error;
mod examples;
mod inspect;
mod layout;
mod rust;
#[cfg(test)]
mod tests;
mod toolchain;

pub use build::{Build, Built};
pub use error::BuildError;
pub use examples::{example, example_version, examples_dir};
pub use inspect::{Inspection, inspect};
pub use layout::Layout;
pub use switchyard_filter_manifest::{Manifest, ManifestError};
pub use toolchain::{NO_RUSTUP_TARGET, TARGET, Toolchain};
