//! Configuration in two shapes, one direction only: `written` is the file, `settings` is what the
//! parts of the program take. Everything wrong with a file is told at once, each with its line.

mod check;
mod fault;
mod read;
pub mod settings;

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
            let advice =
                "name a readable file with --config, or leave it out to use conf/switchyard.toml or the defaults";
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
    Failure::refused(format!("use the configuration {}, so nothing was started", path.display()), wrong)
        .advise("correct the lines above; the shipped conf/switchyard.toml explains every key and its default")
}

/// What the demo runs with: the defaults on free ports, quiet unless something is wrong.
pub fn demo() -> Config {
    let mut written = Written::default();
    for listen in [&mut written.edge.http, &mut written.admin.listen] {
        *listen = "127.0.0.1:0".to_owned();
    }
    written.edge.https = String::new();
    written.node.name = "demo".to_owned();
    written.telemetry.log = "error".to_owned();
    written.telemetry.access_log = "off".to_owned();
    Config { written, lines: Lines::default(), path: PathBuf::from("of the demo") }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shipped() -> &'static str {
        concat!(env!("CARGO_MANIFEST_DIR"), "/../../conf/switchyard.toml")
    }

    #[test]
    fn the_shipped_file_says_what_the_defaults_are() {
        let config = load(Some(Path::new(shipped()))).expect("the shipped file is valid");
        assert_eq!(config.written, Written::default());
    }

    #[test]
    fn the_shipped_file_names_every_key() {
        let text = std::fs::read_to_string(shipped()).expect("readable");
        let (_, lines) = read::read(&text).expect("valid");
        let toml::Value::Table(sections) = toml::Value::try_from(Written::default()).expect("TOML") else {
            panic!("the configuration is no table");
        };
        for (section, keys) in &sections {
            for key in keys.as_table().expect("a section").keys() {
                assert!(lines.of(&format!("{section}.{key}")).is_some(), "[{section}] {key} is not in the file");
            }
        }
    }

    fn refusal(text: &str) -> String {
        let folder = tempfile::tempdir().expect("temp folder");
        let path = folder.path().join("switchyard.toml");
        std::fs::write(&path, text).expect("writable");
        let settings = load(Some(&path)).and_then(|config| config.settings(None).map(drop));
        settings.expect_err("the file was accepted").wrong.join("\n")
    }

    #[test]
    fn values_that_make_no_sense_are_named_with_their_lines_all_at_once() {
        let text = "[edge]\nhttp = \"nowhere\"\nheaders_max = 0\n[store]\nurl = \"redis:x\"\n[node]\nname = \"A B\"\nenvironment = \"Prod\"\n[filters]\ngrants = [\"log\", \"files\"]\n[telemetry]\nlog = \"a=b=c\"\n";
        let told = refusal(text);
        let begins = [
            "line 2: edge.http ",
            "line 3: edge.headers_max is 0",
            "line 5: store.url ",
            "line 7: node.name ",
            "line 8: node.environment ",
            "line 10: filters.grants has \"files\"",
            "line 12: telemetry.log ",
        ];
        let lines: Vec<&str> = told.lines().collect();
        assert_eq!(lines.len(), begins.len(), "{told}");
        for (line, begin) in lines.iter().zip(begins) {
            assert!(line.starts_with(begin), "{line:?} does not begin with {begin:?}");
        }
    }

    #[test]
    fn what_is_written_arrives_where_it_is_used() {
        let folder = tempfile::tempdir().expect("temp folder");
        let path = folder.path().join("switchyard.toml");
        std::fs::write(&path, "[filters]\ndeadline_ms = 7\nmemory_mib_max = 2\n[store]\nurl = \"sqlite:/var/x.db\"\n")
            .expect("writable");
        let settings = load(Some(&path)).and_then(|config| config.settings(Some(Path::new("/d")))).expect("valid");
        assert_eq!((settings.runtime.deadline_ms, settings.runtime.memory_bytes_max), (7, 2 << 20));
        assert_eq!(settings.admin.store, Path::new("/var/x.db"));
        assert_eq!(settings.admin.artifacts_dir, Path::new("/d/artifacts"));
        assert_eq!(settings.edge.data_dir, Path::new("/d"));
        assert_eq!(settings.edge.https, None, "no certificates, no TLS");
    }
}
