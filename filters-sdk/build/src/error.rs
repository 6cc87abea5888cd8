//! Why a filter could not be built or looked into.

use std::io;
use std::path::PathBuf;
use switchyard_filter_manifest::ManifestError;

/// What was tried, what was wrong, what to do.
#[derive(Debug, thiserror::Error)]
pub enum BuildError {
    #[error("{} is no filter: {reason}", folder.display())]
    NotAFilter { folder: PathBuf, reason: &'static str },
    #[error("{}: {source}", path.display())]
    Manifest { path: PathBuf, source: ManifestError },
    /// The text says what to install.
    #[error("no toolchain for filters: {0}")]
    Toolchain(String),
    #[error("{program} could not be run: {source}")]
    Run { program: String, source: io::Error },
    /// The child's own words.
    #[error("{program} failed:\n{output}")]
    Failed { program: String, output: String },
    #[error("the compiled module is no filter component: {0}")]
    Component(String),
    #[error("the built component is refused: {0}")]
    Surface(#[from] ManifestError),
    #[error("{} could not be {what}: {source}", path.display())]
    File { path: PathBuf, what: &'static str, source: io::Error },
}

impl BuildError {
    pub(crate) fn file(path: impl Into<PathBuf>, what: &'static str) -> impl FnOnce(io::Error) -> Self {
        let path = path.into();
        move |source| Self::File { path, what, source }
    }
}
