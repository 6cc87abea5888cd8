//! Which compiler makes wasm here: rustup's target, or Debian's packages that build the standard
//! library from source.

use crate::BuildError;
use std::env;
use std::path::{Path, PathBuf};
use std::process::Command;

/// The target filters are compiled for.
pub const TARGET: &str = "wasm32-unknown-unknown";
/// Set to anything but `0`, it pretends that rustup has no such target.
pub const NO_RUSTUP_TARGET: &str = "SWITCHYARD_NO_RUSTUP_TARGET";

const DEBIAN_RUSTC: &str = "/usr/bin/rustc";
const DEBIAN_CARGO: &str = "/usr/bin/cargo";
const WASM_LD: &[&str] = &["wasm-ld", "wasm-ld-22", "wasm-ld-21", "wasm-ld-20", "wasm-ld-19"];

/// A Rust toolchain that can make filters.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Toolchain {
    /// The cargo of the `PATH`, whose rustc has the target installed.
    Installed,
    /// Debian's `rustc-web`, `cargo-web`, `rust-web-src` and `lld-19`.
    Debian { linker: PathBuf },
}

impl Toolchain {
    /// Looks, and installs rustup's target when it is missing and that is possible.
    pub fn find() -> Result<Self, BuildError> {
        let pretend_missing = env::var_os(NO_RUSTUP_TARGET).is_some_and(|value| !value.is_empty() && value != "0");
        if !pretend_missing && (target_installed() || install_target()) {
            return Ok(Self::Installed);
        }
        Self::debian()
    }

    fn debian() -> Result<Self, BuildError> {
        let mut missing = Vec::new();
        if !Path::new(DEBIAN_RUSTC).is_file() {
            missing.push("rustc-web");
        }
        if !Path::new(DEBIAN_CARGO).is_file() {
            missing.push("cargo-web");
        }
        let sysroot = sysroot(Path::new(DEBIAN_RUSTC));
        if !sysroot.is_some_and(|sysroot| sysroot.join("lib/rustlib/src/rust/library/Cargo.lock").is_file()) {
            missing.push("rust-web-src");
        }
        match (wasm_ld(), missing.is_empty()) {
            (Some(linker), true) => Ok(Self::Debian { linker }),
            (linker, _) => {
                missing.extend(linker.is_none().then_some("lld-19"));
                Err(BuildError::Toolchain(format!(
                    "run `rustup target add {TARGET}`; where that cannot be, on Debian `apt-get install {}`",
                    missing.join(" ")
                )))
            }
        }
    }

    /// A cargo command of this toolchain with a clean environment.
    pub(crate) fn cargo(&self) -> Command {
        match self {
            Self::Installed => clean("cargo"),
            Self::Debian { linker } => {
                let mut cargo = clean(DEBIAN_CARGO);
                // The packages are a stable release; building the standard library needs the switch.
                cargo.env("RUSTC", DEBIAN_RUSTC).env("RUSTC_BOOTSTRAP", "1");
                cargo.env("CARGO_TARGET_WASM32_UNKNOWN_UNKNOWN_LINKER", linker);
                cargo
            }
        }
    }

    /// Arguments of `cargo rustc` beyond the target.
    pub(crate) fn build_arguments(&self) -> &'static [&'static str] {
        match self {
            Self::Installed => &[],
            Self::Debian { .. } => &["-Zbuild-std=std,panic_abort"],
        }
    }

    /// One folder each: what one compiled the other cannot use.
    pub(crate) fn target_folder(&self) -> &'static str {
        match self {
            Self::Installed => "filters",
            Self::Debian { .. } => "filters-debian",
        }
    }
}

/// The first `wasm-ld` of the `PATH`, in whatever version Debian names it.
pub(crate) fn wasm_ld() -> Option<PathBuf> {
    WASM_LD.iter().find_map(|name| program(name))
}

/// The full path of a program of the `PATH`.
pub(crate) fn program(name: &str) -> Option<PathBuf> {
    let path = env::var_os("PATH")?;
    env::split_paths(&path).map(|folder| folder.join(name)).find(|file| file.is_file())
}

/// A command that does not inherit what cargo or a test runner told this process: flags, profiles
/// and target folders of the caller are not the filter's.
fn clean(program: &str) -> Command {
    let mut command = Command::new(program);
    for (name, _) in env::vars_os() {
        let Some(name) = name.to_str() else { continue };
        let keep = name == "CARGO_HOME"
            || ["CARGO_HTTP_", "CARGO_NET_", "CARGO_REGISTRIES_", "CARGO_SOURCE_"].iter().any(|p| name.starts_with(p));
        let cargo = name.starts_with("CARGO") || name.starts_with("RUSTC") || name.starts_with("RUSTDOC");
        if (cargo && !keep) || matches!(name, "RUSTFLAGS" | "MAKEFLAGS" | "MFLAGS" | "TARGET" | "HOST" | "OUT_DIR") {
            command.env_remove(name);
        }
    }
    // Cargo puts its own libraries in front; another toolchain's compiler must not load them.
    command.env_remove("LD_LIBRARY_PATH");
    command
}

fn target_installed() -> bool {
    let installed = |sysroot: PathBuf| sysroot.join("lib/rustlib").join(TARGET).join("lib").is_dir();
    sysroot(Path::new("rustc")).is_some_and(installed)
}

fn install_target() -> bool {
    clean("rustup").args(["target", "add", TARGET]).output().is_ok_and(|done| done.status.success())
        && target_installed()
}

fn sysroot(rustc: &Path) -> Option<PathBuf> {
    let output = clean(rustc.to_str()?).args(["--print", "sysroot"]).output().ok()?;
    let path = String::from_utf8(output.stdout).ok()?;
    output.status.success().then(|| PathBuf::from(path.trim()))
}
