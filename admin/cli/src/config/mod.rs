//! Configuration in two shapes, one direction only: `written` is the file, `settings` is what the
//! parts of the program take. Everything wrong with a file is told at once, each with its line.

mod check;
mod fault;
mod read;

pub mod written;

use crate::failure::Failure;
use fault::Fault;
use read::Lines;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use written::Written;

/// Read when no other file is named, where it exists.
pub const DEFAULT_PATH: &str = "conf/switchyard.toml";

/// A configuration that parsed, and where its keys stand.
#[derive(Debug)]
pub struct Config {
    pub written: Written,
    lines: Lines,
    path: PathBuf,
}

/// Reads the file named, else the default one where it exists, else takes the defaults.
pub fn load(named: Option<&Path>) -> Result<Config, Failure> {
    let path = named.unwrap_or(Path::new(DEFAULT_PATH)).to_owned();
    let text = match std::fs::read_to_string(&path) {
        Ok(text) => text,
        Err(error) if error.kind() == ErrorKind::NotFound && named.is_none() => String::new(),
        Err(error) => {
            let advice = "name a readable file with --config, or leave it out to use conf/switchyard.toml or the defaults";
            return Err(Failure::failed(format!("read the configuration {}", path.display()), error).advise(advice));
        }
    };
    match read::read(&text) {
        Ok((written, lines)) => Ok(Config { written, lines, path }),
        Err(faults) => Err(refused(&path, &faults)),
    }
}

fn refused(path: &Path, faults: &[Fault]) -> Failure {
    let wrong = faults.iter().map(Fault::to_string).collect();
    Failure::refused(format!("use the configuration {}; start refused", path.display()), wrong)
        .advise("correct the lines above; the shipped conf/switchyard.toml explains every key and its default")
}
