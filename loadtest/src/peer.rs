//! Other proxies, doing the same work. What each needs is data: `loadtest/peers/*.toml` names the program, how it is
//! started and its configuration; a peer that is not installed is skipped, and the report says so.

use crate::machine::{self, Cores};
use crate::process::{Process, ProcessError};
use serde::Deserialize;
use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::{env, fs, io};

/// A file of `loadtest/peers`.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Peer {
    /// Name of the program; looked for in `$SWITCHYARD_BENCH_<PROGRAM>`, on the path, then in `look_in`.
    pub program: String,
    #[serde(default)]
    pub look_in: Vec<PathBuf>,
    /// Makes the program print its version.
    pub version_args: Vec<String>,
    pub args: Vec<String>,
    /// Written before it starts, in a folder of its own. In these texts and in `args`, `@port@`, `@origin@` and `@folder@`
    /// stand for what they say, `@artifact:NAME@` for a file that the bench built, and `@KEY@` for a variant's text.
    pub files: BTreeMap<String, String>,
    /// Each is started as a process of its own.
    pub variants: Vec<Variant>,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Variant {
    /// As the report calls it.
    pub name: String,
    /// Whether it sets `x-filter` by `x-tenant`, as our filter does.
    pub filters: bool,
    #[serde(default)]
    pub texts: BTreeMap<String, String>,
}

/// A peer that runs.
#[derive(Debug)]
pub struct Running {
    pub process: Process,
    pub address: SocketAddr,
    pub version: String,
}

#[derive(Debug, thiserror::Error)]
pub enum PeerError {
    #[error("cannot read {}", path.display())]
    Unreadable { path: PathBuf, source: io::Error },
    #[error("{} is not a peer", path.display())]
    Malformed { path: PathBuf, source: toml::de::Error },
    /// Not a fault: the report lists it as skipped.
    #[error("{program} is not installed (looked at ${variable}, on the path and in {look_in:?})")]
    NotInstalled { program: String, variable: String, look_in: Vec<PathBuf> },
    /// Nor is this.
    #[error("{name} was not built")]
    NotBuilt { name: String },
    #[error("a text of {peer} names @{placeholder}@, which stands for nothing")]
    UnknownPlaceholder { peer: String, placeholder: String },
    #[error("cannot prepare {peer}")]
    Prepare { peer: String, source: io::Error },
    #[error(transparent)]
    Process(#[from] ProcessError),
}

impl PeerError {
    pub fn is_absence(&self) -> bool {
        matches!(self, Self::NotInstalled { .. } | Self::NotBuilt { .. })
    }
}

/// What the texts of a peer may refer to.
pub struct Surroundings<'a> {
    pub cores: Cores,
    pub origin: SocketAddr,
    /// Where each peer gets a folder.
    pub folder: &'a Path,
    /// What the bench built, such as Envoy's filter, as `NAME.wasm`.
    pub artifacts: &'a Path,
}

/// All peers of a folder, by file name.
pub fn read_all(folder: &Path) -> Result<Vec<Peer>, PeerError> {
    let unreadable = |source| PeerError::Unreadable { path: folder.to_owned(), source };
    let mut files = Vec::new();
    for entry in fs::read_dir(folder).map_err(unreadable)? {
        files.push(entry.map_err(unreadable)?.path());
    }
    files.retain(|file| file.extension().is_some_and(|extension| extension == "toml"));
    files.sort();
    files.into_iter().map(|file| read(&file)).collect()
}

fn read(path: &Path) -> Result<Peer, PeerError> {
    let text = fs::read_to_string(path).map_err(|source| PeerError::Unreadable { path: path.to_owned(), source })?;
    toml::from_str(&text).map_err(|source| PeerError::Malformed { path: path.to_owned(), source })
}

impl Peer {
    pub fn start(&self, variant: &Variant, around: &Surroundings<'_>) -> Result<Running, PeerError> {
        let prepare = |source| PeerError::Prepare { peer: variant.name.clone(), source };
        let program = self.find()?;
        let folder = around.folder.join(variant.name.replace([' ', ',', '+'], "-"));
        fs::create_dir_all(&folder).map_err(prepare)?;
        let port = machine::free_port().map_err(prepare)?;
        let texts = Texts { variant, around, folder: &folder, port };
        for (name, text) in &self.files {
            fs::write(folder.join(name), texts.fill(text)?).map_err(prepare)?;
        }
        let mut command = around.cores.proxy_command(&program);
        for argument in &self.args {
            command.arg(texts.fill(argument)?);
        }
        let address = SocketAddr::from(([127, 0, 0, 1], port));
        let process = Process::start(&variant.name, command, &folder, address)?;
        Ok(Running { process, address, version: self.version(&program) })
    }

    fn find(&self) -> Result<PathBuf, PeerError> {
        let variable = format!("SWITCHYARD_BENCH_{}", self.program.to_uppercase().replace('-', "_"));
        let named = env::var_os(&variable).map(PathBuf::from);
        let on_path = env::var_os("PATH").unwrap_or_default();
        let folders = env::split_paths(&on_path).chain(self.look_in.iter().cloned());
        let mut candidates = named.into_iter().chain(folders.map(|folder| folder.join(&self.program)));
        candidates.find(|candidate| candidate.is_file()).ok_or_else(|| PeerError::NotInstalled {
            program: self.program.clone(),
            variable: variable.clone(),
            look_in: self.look_in.clone(),
        })
    }

    /// The first line with a digit of what it says about itself.
    fn version(&self, program: &Path) -> String {
        let Ok(output) = Command::new(program).args(&self.version_args).output() else { return "unknown".to_owned() };
        let said = [output.stdout, output.stderr].concat();
        let said = String::from_utf8_lossy(&said);
        let line = said.lines().find(|line| line.contains(|c: char| c.is_ascii_digit())).unwrap_or("unknown").trim();
        // Some begin with the path they were started by.
        line.strip_prefix(&program.display().to_string()).unwrap_or(line).trim().to_owned()
    }
}

struct Texts<'a> {
    variant: &'a Variant,
    around: &'a Surroundings<'a>,
    folder: &'a Path,
    port: u16,
}

impl Texts<'_> {
    /// Replaces every `@name@`; a name is letters, digits, `-`, `_` and `:`, so that "@type" in Envoy's YAML is none.
    fn fill(&self, text: &str) -> Result<String, PeerError> {
        let mut filled = String::new();
        let mut rest = text;
        while let Some((before, after)) = rest.split_once('@') {
            filled.push_str(before);
            let is_name = |c: char| c.is_ascii_alphanumeric() || "-_:".contains(c);
            match after.split_once('@').filter(|(name, _)| !name.is_empty() && name.chars().all(is_name)) {
                Some((name, after)) => {
                    filled.push_str(&self.stands_for(name)?);
                    rest = after;
                }
                None => {
                    filled.push('@');
                    rest = after;
                }
            }
        }
        filled.push_str(rest);
        Ok(filled)
    }

    fn stands_for(&self, name: &str) -> Result<String, PeerError> {
        if let Some(artifact) = name.strip_prefix("artifact:") {
            let file = self.around.artifacts.join(format!("{artifact}.wasm"));
            let built = file.is_file().then(|| file.display().to_string());
            return built.ok_or_else(|| PeerError::NotBuilt { name: file.display().to_string() });
        }
        match name {
            "port" => Ok(self.port.to_string()),
            "origin" => Ok(self.around.origin.to_string()),
            "origin-port" => Ok(self.around.origin.port().to_string()),
            "folder" => Ok(self.folder.display().to_string()),
            // A variant's text may hold placeholders itself.
            _ => match self.variant.texts.get(name) {
                Some(text) => self.fill(text),
                None => {
                    Err(PeerError::UnknownPlaceholder { peer: self.variant.name.clone(), placeholder: name.to_owned() })
                }
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn variant(texts: &[(&str, &str)]) -> Variant {
        let texts = texts.iter().map(|(key, text)| ((*key).to_owned(), (*text).to_owned())).collect();
        Variant { name: "a peer".to_owned(), filters: true, texts }
    }

    fn fill(variant: &Variant, text: &str) -> Result<String, PeerError> {
        let around = Surroundings {
            cores: Cores::choose().expect("cores"),
            origin: ([127, 0, 0, 1], 9000).into(),
            folder: Path::new("/tmp/x"),
            artifacts: Path::new("/nowhere"),
        };
        Texts { variant, around: &around, folder: Path::new("/tmp/x/a"), port: 81 }.fill(text)
    }

    #[test]
    fn placeholders_are_filled_also_inside_a_variants_text() {
        let variant = variant(&[("filter", "f(@port@)")]);
        assert_eq!(fill(&variant, "@origin@ @filter@ @folder@").expect("filled"), "127.0.0.1:9000 f(81) /tmp/x/a");
        assert_eq!(fill(&variant, "\"@type\": x, a@b.c @ @").expect("filled"), "\"@type\": x, a@b.c @ @");
    }

    #[test]
    fn what_stands_for_nothing_is_a_mistake_and_what_was_not_built_an_absence() {
        assert!(!fill(&variant(&[]), "@prot@").expect_err("a slip").is_absence());
        assert!(fill(&variant(&[]), "@artifact:filter@").expect_err("not built").is_absence());
    }

    #[test]
    fn the_shipped_peers_parse_and_name_only_what_exists() {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("peers");
        for peer in read_all(&folder).expect("peers") {
            for variant in &peer.variants {
                for text in peer.files.values().chain(&peer.args) {
                    if let Err(error) = fill(variant, text) {
                        assert!(error.is_absence(), "{}: {error}", variant.name);
                    }
                }
            }
        }
    }
}
