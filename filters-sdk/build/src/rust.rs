//! Compiles a Rust filter to a core module.

use crate::BuildError;
use crate::build::Source;
use crate::toolchain::{TARGET, Toolchain};
use serde::Deserialize;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

/// What the code of a filter sees as `switchyard_filter::version!()`.
const VERSION_VARIABLE: &str = "SWITCHYARD_FILTER_VERSION";

/// Profile of every filter, whatever its own manifest says: no unwinding in wasm, and traps that
/// name file and line.
const PROFILE: &[(&str, &str)] = &[
    ("CARGO_PROFILE_RELEASE_OPT_LEVEL", "s"),
    ("CARGO_PROFILE_RELEASE_LTO", "true"),
    ("CARGO_PROFILE_RELEASE_CODEGEN_UNITS", "1"),
    ("CARGO_PROFILE_RELEASE_PANIC", "abort"),
    ("CARGO_PROFILE_RELEASE_DEBUG", "line-tables-only"),
    ("CARGO_PROFILE_RELEASE_STRIP", "none"),
];

/// Authors need no crate type and no flags in their own manifest.
pub(crate) fn compile(source: &Source<'_>, toolchain: &Toolchain) -> Result<Vec<u8>, BuildError> {
    let cargo_toml = source.folder.join("Cargo.toml");
    let workspace = workspace(toolchain, &cargo_toml)?;
    let target_dir = match source.target_dir {
        Some(folder) => folder.to_owned(),
        None => workspace.target_directory.join(toolchain.target_folder()),
    };
    let _guard = lock(&target_dir)?;
    let mut cargo = toolchain.cargo();
    cargo.args(["rustc", "--release", "--lib", "--crate-type", "cdylib", "--target", TARGET]);
    cargo.args(["--message-format", "json-render-diagnostics", "--manifest-path"]).arg(&cargo_toml);
    cargo.arg("--target-dir").arg(&target_dir).args(toolchain.build_arguments());
    cargo.env("CARGO_ENCODED_RUSTFLAGS", rust_flags(&workspace.workspace_root));
    cargo.env(VERSION_VARIABLE, source.version.as_str()).envs(PROFILE.iter().copied());
    let output = run(cargo)?;
    let module = artifact(&output.stdout, &cargo_toml)?;
    fs::read(&module).map_err(BuildError::file(module, "read"))
}

/// Held until dropped, across processes: two versions of one filter have one output file, and it must
/// be read before the next build writes it.
fn lock(target_dir: &Path) -> Result<File, BuildError> {
    fs::create_dir_all(target_dir).map_err(BuildError::file(target_dir, "made"))?;
    let path = target_dir.join(".switchyard-build.lock");
    let file = File::create(&path).map_err(BuildError::file(&path, "made"))?;
    file.lock().map_err(BuildError::file(&path, "locked"))?;
    Ok(file)
}

#[derive(Deserialize)]
struct Workspace {
    workspace_root: PathBuf,
    target_directory: PathBuf,
}

fn workspace(toolchain: &Toolchain, cargo_toml: &Path) -> Result<Workspace, BuildError> {
    let mut cargo = toolchain.cargo();
    cargo.args(["metadata", "--no-deps", "--format-version", "1", "--manifest-path"]).arg(cargo_toml);
    let output = run(cargo)?;
    serde_json::from_slice(&output.stdout)
        .map_err(|error| BuildError::Failed { program: "cargo metadata".into(), output: error.to_string() })
}

/// A small stack in front of the data, so that overflow traps; paths that say nothing of the machine.
fn rust_flags(workspace_root: &Path) -> String {
    let mut flags = vec![format!("-Clink-arg=-zstack-size={STACK_BYTES}")];
    flags.push(format!("--remap-path-prefix={}=.", workspace_root.display()));
    if let Some(home) = cargo_home() {
        flags.push(format!("--remap-path-prefix={}=cargo", home.display()));
    }
    flags.join("\x1f")
}

/// Few bytes, because each is reset for every request; enough for a JSON parser at its depth limit.
pub(crate) const STACK_BYTES: u32 = 16 << 10;

fn cargo_home() -> Option<PathBuf> {
    let home = std::env::var_os("HOME").map(|home| PathBuf::from(home).join(".cargo"));
    std::env::var_os("CARGO_HOME").map(PathBuf::from).or(home)
}

pub(crate) fn run(mut command: Command) -> Result<Output, BuildError> {
    let program = command.get_program().to_string_lossy().into_owned();
    tracing::debug!(?command, "building a filter");
    let output = command.output().map_err(|source| BuildError::Run { program: program.clone(), source })?;
    if output.status.success() {
        return Ok(output);
    }
    Err(BuildError::Failed { program, output: String::from_utf8_lossy(&output.stderr).trim_end().to_owned() })
}

#[derive(Deserialize)]
struct Message {
    #[serde(default)]
    manifest_path: PathBuf,
    #[serde(default)]
    filenames: Vec<PathBuf>,
}

/// The module cargo says it made for this package.
fn artifact(messages: &[u8], cargo_toml: &Path) -> Result<PathBuf, BuildError> {
    let lines = messages.split(|byte| *byte == b'\n').filter(|line| !line.is_empty());
    let mut made = lines.filter_map(|line| serde_json::from_slice::<Message>(line).ok());
    let of_filter = made.find_map(|message| {
        let wasm = |file: &PathBuf| file.extension().is_some_and(|extension| extension == "wasm");
        (message.manifest_path == cargo_toml).then(|| message.filenames.into_iter().find(wasm)).flatten()
    });
    of_filter.ok_or_else(|| BuildError::Failed { program: "cargo rustc".into(), output: "it made no module".into() })
}
