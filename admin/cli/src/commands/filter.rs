//! `switchyard filter`: from source to the one file that is uploaded.

use crate::failure::Failure;
use crate::output::Output;
use clap::Subcommand;
use serde_json::{Value, json};
use std::path::{Path, PathBuf};
use switchyard_contract::Version;
use switchyard_filter_build::{Build, Inspection, inspect};

#[derive(Debug, Subcommand)]
pub enum Command {
    /// Build the filter of a folder, the one with filter.toml
    ///
    /// Compiles (Rust with cargo, C with clang), makes the module a component, embeds the manifest,
    /// checks imports, exports and memory layout, and writes NAME-VERSION.wasm.
    Build {
        /// Folder of the filter
        #[arg(default_value = ".")]
        folder: PathBuf,
        /// File to write [default: NAME-VERSION.wasm in the working directory]
        #[arg(short, long, value_name = "FILE")]
        output: Option<PathBuf>,
        /// Build as another version than filter.toml says
        #[arg(long)]
        version: Option<Version>,
    },
    /// Show what a built filter is: manifest, imports, sizes, memory layout, warnings
    Inspect {
        /// The component
        file: PathBuf,
    },
}

pub fn run(command: Command, output: Output) -> Result<(), Failure> {
    match command {
        Command::Build { folder, output: file, version } => build(&folder, file, version, output),
        Command::Inspect { file } => {
            let tried = format!("inspect {}", file.display());
            let component = std::fs::read(&file).map_err(|error| Failure::failed(&tried, error))?;
            let inspection = inspect(&component).map_err(|error| refused(&tried, &error))?;
            show(&inspection, None, output)
        }
    }
}

fn build(folder: &Path, file: Option<PathBuf>, version: Option<Version>, output: Output) -> Result<(), Failure> {
    let tried = format!("build the filter in {}", folder.display());
    let build = Build::new(folder);
    let build = match version {
        Some(version) => build.version(version),
        None => build,
    };
    let built = build.run().map_err(|error| refused(&tried, &error))?;
    let manifest = &built.inspection.manifest;
    let file = file.unwrap_or_else(|| PathBuf::from(format!("{}-{}.wasm", manifest.name, manifest.version)));
    std::fs::write(&file, &built.component)
        .map_err(|error| Failure::failed(format!("write {}", file.display()), error))?;
    show(&built.inspection, Some(&file), output)
}

fn show(inspection: &Inspection, file: Option<&Path>, output: Output) -> Result<(), Failure> {
    let mut answer = serde_json::to_value(inspection).map_err(|error| Failure::failed("show the filter", error))?;
    if let (Some(file), Value::Object(answer)) = (file, &mut answer) {
        answer.insert("file".to_owned(), json!(file));
    }
    output.answer(&answer, |_| match file {
        Some(file) => format!("{inspection}file      {}\n", file.display()),
        None => inspection.to_string(),
    })
}

/// A source or a file that is no filter was understood and turned down; a missing toolchain or an
/// unreadable file is a failure of this machine.
fn refused(tried: &str, error: &switchyard_filter_build::BuildError) -> Failure {
    use switchyard_filter_build::BuildError::{Component, Failed, Manifest, NotAFilter, Surface};
    let wrong = match error {
        Manifest { source, .. } | Surface(source) => source.faults.clone(),
        Failed { .. } | Component(_) | NotAFilter { .. } => vec![error.to_string()],
        _ => return Failure::from_chain(tried, error),
    };
    Failure::refused(tried, wrong)
}
