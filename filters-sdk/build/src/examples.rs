//! The example filters of this repository, built on demand for tests, demo and benchmarks.

use crate::{Build, BuildError, Toolchain};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};
use switchyard_contract::Version;

/// `filters-sdk/examples`.
pub fn examples_dir() -> PathBuf {
    sdk().join("examples")
}

/// The component of an example, in the version its `filter.toml` says. The first call of a process
/// asks cargo whether it is up to date, later ones give the same bytes.
pub fn example(name: &str) -> Result<Vec<u8>, BuildError> {
    build(name, None)
}

/// The component of an example as another version.
pub fn example_version(name: &str, version: &Version) -> Result<Vec<u8>, BuildError> {
    build(name, Some(version))
}

fn build(name: &str, version: Option<&Version>) -> Result<Vec<u8>, BuildError> {
    type Built = BTreeMap<(String, Option<Version>), Vec<u8>>;
    static BUILT: Mutex<Built> = Mutex::new(BTreeMap::new());
    let key = (name.to_owned(), version.cloned());
    // Held while building: tests of one process that want the same example want it built once.
    let mut built = BUILT.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(component) = built.get(&key) {
        return Ok(component.clone());
    }
    let mut build = Build::new(examples_dir().join(name)).target_dir(target_dir()?);
    if let Some(version) = version {
        build = build.version(version.clone());
    }
    let component = build.run()?.component;
    built.insert(key, component.clone());
    Ok(component)
}

fn sdk() -> &'static Path {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    here.parent().unwrap_or(here)
}

/// In the target folder of the repository.
fn target_dir() -> Result<PathBuf, BuildError> {
    let repository = sdk().parent().unwrap_or(sdk());
    let target = std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| "target".into(), PathBuf::from);
    Ok(repository.join(target).join(Toolchain::find()?.target_folder()))
}
