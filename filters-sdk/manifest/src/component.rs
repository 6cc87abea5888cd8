//! What a component shows from outside: its imports, its exports and its manifest.

use crate::{Capability, MANIFEST_BYTES_MAX, Manifest, ManifestError};
use wasmparser::{Encoding, Parser, Payload};

/// Custom section, at the top level of the component, that holds the manifest as TOML.
pub const SECTION: &str = "switchyard-manifest";
/// The interface every filter exports.
pub const HANDLER_EXPORT: &str = "switchyard:filter/handler@0.1.0";

const MAGIC: &[u8] = b"\0asm";
const PACKAGE: &str = "switchyard:filter/";
/// Types only: importing it asks for nothing.
const TYPES: &str = "types";
/// The contract's minor version: within it a host serves every patch.
const CONTRACT: &str = "0.1.";

/// The names on a component's outside, in the order of the file.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Surface {
    pub imports: Vec<String>,
    pub exports: Vec<String>,
    /// Contents of every section named [`SECTION`]: one in a well-made filter.
    pub manifests: Vec<Vec<u8>>,
}

/// Reads the outside of a component. Nothing inside it is validated: that is the compiler's part.
pub fn surface(component: &[u8]) -> Result<Surface, ManifestError> {
    let broken = |error: wasmparser::BinaryReaderError| {
        ManifestError::one(format!("the file is no valid WebAssembly at byte {}: {}", error.offset(), error.message()))
    };
    if !component.starts_with(MAGIC) {
        return Err(ManifestError::one("the file is no WebAssembly: it does not begin with the bytes `\\0asm`"));
    }
    let mut surface = Surface::default();
    let mut depth = 0_usize;
    for payload in Parser::new(0).parse_all(component) {
        match payload.map_err(broken)? {
            Payload::Version { encoding: Encoding::Module, .. } if depth == 0 => {
                let fault = "the file is a core module, not a component; `switchyard filter build` makes components";
                return Err(ManifestError::one(fault));
            }
            Payload::ModuleSection { .. } | Payload::ComponentSection { .. } => depth += 1,
            // The component's own end comes at depth 0.
            Payload::End(_) => depth = depth.saturating_sub(1),
            Payload::ComponentImportSection(section) if depth == 0 => {
                for import in section {
                    surface.imports.push(import.map_err(broken)?.name.name.to_owned());
                }
            }
            Payload::ComponentExportSection(section) if depth == 0 => {
                for export in section {
                    surface.exports.push(export.map_err(broken)?.name.name.to_owned());
                }
            }
            Payload::CustomSection(section) if depth == 0 && section.name() == SECTION => {
                surface.manifests.push(section.data().to_vec());
            }
            _ => {}
        }
    }
    Ok(surface)
}

impl Surface {
    /// The capabilities that are imported, and the imports that are none.
    pub fn capabilities(&self) -> (Vec<Capability>, Vec<&str>) {
        let (mut known, mut unknown) = (Vec::new(), Vec::new());
        for import in &self.imports {
            match interface(import) {
                Some(TYPES) => {}
                Some(name) => match name.parse() {
                    Ok(capability) => known.push(capability),
                    Err(_) => unknown.push(import.as_str()),
                },
                None => unknown.push(import),
            }
        }
        (known, unknown)
    }

    fn manifest(&self) -> Result<Manifest, ManifestError> {
        let bytes = match self.manifests.as_slice() {
            [one] => one,
            [] => {
                return Err(ManifestError::one(format!(
                    "no custom section {SECTION:?}; `switchyard filter build` adds it"
                )));
            }
            many => {
                return Err(ManifestError::one(format!("{} custom sections {SECTION:?} instead of one", many.len())));
            }
        };
        if bytes.len() > MANIFEST_BYTES_MAX {
            let fault = format!("the manifest has {} bytes, at most {MANIFEST_BYTES_MAX} are read", bytes.len());
            return Err(ManifestError::one(fault));
        }
        let text = std::str::from_utf8(bytes).map_err(|error| ManifestError::one(format!("the manifest: {error}")))?;
        Manifest::parse(text)
    }

    fn faults(&self, manifest: Option<&Manifest>) -> Vec<String> {
        let mut faults = Vec::new();
        if !self.exports.iter().any(|export| export == HANDLER_EXPORT) {
            faults.push(format!("{HANDLER_EXPORT} is not exported"));
        }
        let (imported, unknown) = self.capabilities();
        faults.extend(unknown.into_iter().map(|import| format!("import {import:?} is nothing a filter can be given")));
        if let Some(manifest) = manifest {
            let undeclared = imported.into_iter().filter(|capability| !manifest.capabilities.contains(capability));
            faults.extend(undeclared.map(|capability| {
                format!("capabilities: {capability:?} is imported but not listed", capability = capability.as_str())
            }));
        }
        faults
    }
}

impl Manifest {
    /// Reads the manifest of a filter and holds the component's imports and exports against it.
    /// Errors: every fault of the manifest and of the surface together.
    pub fn from_component(component: &[u8]) -> Result<Self, ManifestError> {
        let surface = surface(component)?;
        let manifest = surface.manifest();
        let mut faults = surface.faults(manifest.as_ref().ok());
        match manifest {
            Ok(manifest) if faults.is_empty() => Ok(manifest),
            Ok(_) => Err(ManifestError { faults }),
            Err(mut error) => {
                error.faults.append(&mut faults);
                Err(error)
            }
        }
    }
}

/// `switchyard:filter/log@0.1.3` gives `log`.
fn interface(import: &str) -> Option<&str> {
    let (name, version) = import.strip_prefix(PACKAGE)?.split_once('@')?;
    version.starts_with(CONTRACT).then_some(name)
}
