//! What a component is, for people and as JSON.

use crate::{BuildError, Layout};
use serde::Serialize;
use std::fmt;
use switchyard_contract::Digest;
use switchyard_contract::snapshot::FilterLimits;
use switchyard_filter_manifest::{Manifest, surface};

/// A filter from outside: what it says of itself, what it asks for, what it costs.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Inspection {
    #[serde(flatten, with = "ManifestView")]
    pub manifest: Manifest,
    /// SHA-256 of the file.
    pub digest: Digest,
    pub imports: Vec<String>,
    pub exports: Vec<String>,
    pub sizes: Sizes,
    pub layout: Layout,
    /// What works but is slow or suspicious, with what to do about it.
    pub warnings: Vec<String>,
}

/// Bytes of the file by purpose.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Sizes {
    pub file_bytes: u64,
    pub code_bytes: u64,
    pub data_bytes: u64,
    /// Names and line tables: kept so that traps name file and line; not loaded to run.
    pub debug_bytes: u64,
}

/// Looks into a filter. Errors: everything that keeps it from being one.
pub fn inspect(component: &[u8]) -> Result<Inspection, BuildError> {
    let manifest = Manifest::from_component(component)?;
    let surface = surface(component)?;
    let layout = Layout::read(component).map_err(|error| BuildError::Component(error.to_string()))?;
    let mut warnings = layout.warnings();
    let (imported, _) = surface.capabilities();
    let unused = manifest.capabilities.iter().filter(|capability| !imported.contains(capability));
    warnings.extend(unused.map(|capability| format!("the capability {capability} is listed but not imported")));
    let sizes = Sizes {
        file_bytes: component.len() as u64,
        code_bytes: layout.code_bytes,
        data_bytes: layout.data_bytes,
        debug_bytes: layout.debug_bytes,
    };
    Ok(Inspection {
        manifest,
        digest: digest(component),
        imports: surface.imports,
        exports: surface.exports,
        sizes,
        layout,
        warnings,
    })
}

fn digest(bytes: &[u8]) -> Digest {
    let sha256 = ring::digest::digest(&ring::digest::SHA256, bytes);
    let mut array = [0; 32];
    array.copy_from_slice(sha256.as_ref());
    Digest::from_bytes(array)
}

/// The manifest's fields as they are called in `filter.toml`.
struct ManifestView;

impl ManifestView {
    fn serialize<S: serde::Serializer>(manifest: &Manifest, serializer: S) -> Result<S::Ok, S::Error> {
        #[derive(Serialize)]
        struct View<'m> {
            name: &'m str,
            version: &'m str,
            r#type: &'static str,
            description: &'m str,
            capabilities: Vec<&'static str>,
            limits: &'m FilterLimits,
        }
        let view = View {
            name: manifest.name.as_str(),
            version: manifest.version.as_str(),
            r#type: manifest.kind.as_str(),
            description: &manifest.description,
            capabilities: manifest.capabilities.iter().map(|capability| capability.as_str()).collect(),
            limits: &manifest.limits,
        };
        view.serialize(serializer)
    }
}

impl fmt::Display for Inspection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { manifest, layout, sizes, .. } = self;
        writeln!(f, "{} {} ({})", manifest.name, manifest.version, manifest.kind)?;
        if !manifest.description.is_empty() {
            writeln!(f, "  {}", manifest.description)?;
        }
        writeln!(f, "digest    {}", self.digest)?;
        writeln!(
            f,
            "size      {} ({} code, {} data, {} names and line tables)",
            kib(sizes.file_bytes),
            kib(sizes.code_bytes),
            kib(sizes.data_bytes),
            kib(sizes.debug_bytes)
        )?;
        writeln!(f, "imports   {}", listed(&self.imports))?;
        writeln!(f, "exports   {}", listed(&self.exports))?;
        let stack = layout.stack_bytes.map_or_else(|| "unknown".to_owned(), kib);
        writeln!(
            f,
            "instance  {} of memory, stack {stack}; {} core modules, {} functions",
            kib(layout.memory_pages * 64 * 1024),
            layout.core_modules,
            layout.functions
        )?;
        for warning in &self.warnings {
            writeln!(f, "warning   {warning}")?;
        }
        Ok(())
    }
}

fn listed(names: &[String]) -> String {
    if names.is_empty() { "nothing".to_owned() } else { names.join(", ") }
}

fn kib(bytes: u64) -> String {
    if bytes < 1024 {
        return format!("{bytes} B");
    }
    let tenths = bytes * 10 / 1024;
    format!("{}.{} KiB", tenths / 10, tenths % 10)
}
