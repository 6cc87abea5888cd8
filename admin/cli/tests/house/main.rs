//! The rules of the house, as tests: who may depend on whom, under which licences, and how a file looks.

mod licences;
mod metadata;
mod tidy;
mod walls;

use std::path::{Path, PathBuf};

/// The folder that holds the root manifest.
fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").canonicalize().expect("the repository is there")
}
