//! The example filters of this repository, built on demand for tests, demo and benchmarks.

use crate::{Build, BuildError, Toolchain};
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use switchyard_contract::Version;

/// `filters-sdk/examples`.
pub fn examples_dir() -> PathBuf {
    sdk().join("examples")
}

/// The component of an example, in the version its `filter.toml` says. The first call of a process
/// asks cargo whether it is up to date; callers in other processes wait for each other.
pub fn example(name: &str) -> Result<Vec<u8>, BuildError> {
    build(name, None)
}

/// The component of an example as another version.
pub fn example_version(name: &str, version: &Version) -> Result<Vec<u8>, BuildError> {
    build(name, Some(version))
}

fn build(name: &str, version: Option<&Version>) -> Result<Vec<u8>, BuildError> {
    let target_dir = target_dir().join(Toolchain::find()?.target_folder());
    fs::create_dir_all(&target_dir).map_err(BuildError::file(&target_dir, "made"))?;
    let _guard = lock(&target_dir)?;
    let mut build = Build::new(examples_dir().join(name)).target_dir(target_dir);
    if let Some(version) = version {
        build = build.version(version.clone());
    }
    Ok(build.run()?.component)
}

/// Held until dropped, across processes: two versions of one filter have one output file.
fn lock(target_dir: &Path) -> Result<File, BuildError> {
    let path = target_dir.join(".examples.lock");
    let file = File::create(&path).map_err(BuildError::file(&path, "made"))?;
    file.lock().map_err(BuildError::file(&path, "locked"))?;
    Ok(file)
}

fn sdk() -> &'static Path {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    here.parent().unwrap_or(here)
}

/// The target folder of the repository.
fn target_dir() -> PathBuf {
    let repository = sdk().parent().unwrap_or(sdk());
    std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| repository.join("target"), |folder| repository.join(folder))
}
