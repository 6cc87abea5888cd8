//! From a folder to a component.

use crate::{BuildError, Inspection, clang, componentize, inspect, rust, toolchain};
use std::fs;
use std::path::{Path, PathBuf};
use switchyard_contract::Version;
use switchyard_filter_manifest::Manifest;

const MANIFEST_FILE: &str = "filter.toml";

/// A filter to be built. Rust where the folder has a `Cargo.toml`, C where it has `src/*.c`.
#[derive(Debug, Clone)]
pub struct Build {
    folder: PathBuf,
    version: Option<Version>,
    target_dir: Option<PathBuf>,
}

/// A built filter.
#[derive(Debug, Clone)]
pub struct Built {
    /// The one file: a component with its manifest inside.
    pub component: Vec<u8>,
    pub inspection: Inspection,
}

impl Build {
    /// Builds the filter of `folder`, the one with the `filter.toml`.
    pub fn new(folder: impl Into<PathBuf>) -> Self {
        Self { folder: folder.into(), version: None, target_dir: None }
    }

    /// Builds it as another version than `filter.toml` says. Code sees it as
    /// `switchyard_filter::version!()`.
    pub fn version(self, version: Version) -> Self {
        Self { version: Some(version), ..self }
    }

    /// Where intermediate files go; `filters` in the target folder of the filter's workspace if not
    /// said.
    pub fn target_dir(self, target_dir: impl Into<PathBuf>) -> Self {
        Self { target_dir: Some(target_dir.into()), ..self }
    }

    /// Compiles, makes it a component, embeds the manifest, checks imports, exports and layout.
    /// Takes seconds; the first time longer. What is suspicious but works is in
    /// [`Inspection::warnings`].
    pub fn run(&self) -> Result<Built, BuildError> {
        let folder = self.folder.canonicalize().map_err(BuildError::file(&self.folder, "opened"))?;
        let manifest = self.manifest(&folder)?;
        let source = Source { folder: &folder, version: &manifest.version, target_dir: self.target_dir.as_deref() };
        let module = match language(&folder)? {
            Language::Rust => rust::compile(&source, &toolchain::Toolchain::find()?)?,
            Language::C => clang::compile(&source)?,
        };
        let component = componentize::component(&module, &manifest)?;
        let inspection = inspect(&component)?;
        Ok(Built { component, inspection })
    }

    fn manifest(&self, folder: &Path) -> Result<Manifest, BuildError> {
        let path = folder.join(MANIFEST_FILE);
        let text = fs::read_to_string(&path).map_err(BuildError::file(&path, "read"))?;
        let mut manifest = Manifest::parse(&text).map_err(|source| BuildError::Manifest { path, source })?;
        if let Some(version) = &self.version {
            manifest.version = version.clone();
        }
        Ok(manifest)
    }
}

/// What a compiler needs to know.
pub(crate) struct Source<'a> {
    /// Absolute.
    pub(crate) folder: &'a Path,
    pub(crate) version: &'a Version,
    pub(crate) target_dir: Option<&'a Path>,
}

enum Language {
    Rust,
    C,
}

fn language(folder: &Path) -> Result<Language, BuildError> {
    if folder.join("Cargo.toml").is_file() {
        return Ok(Language::Rust);
    }
    if !clang::sources(folder)?.is_empty() {
        return Ok(Language::C);
    }
    let reason = "it has neither a Cargo.toml (Rust) nor src/*.c (C)";
    Err(BuildError::NotAFilter { folder: folder.to_owned(), reason })
}
