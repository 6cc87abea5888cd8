//! What happens to an upload before it is registered: read what it says about itself, analyse and
//! compile it in the limited process, prepare it once. Every reason against it is gathered; nothing
//! is kept of what is refused.

use std::sync::Arc;
use switchyard_contract::snapshot::{FilterLimits, Isolation};
use switchyard_contract::{Digest, TenantId};
use switchyard_domain::{Reason, Refusal};
use switchyard_filter_manifest::{Manifest, surface};
use switchyard_runtime::{BindingSpec, LoadError, Module, PrepareError, Prepared, Runtime};

/// A filter that passed.
#[derive(Debug)]
pub struct Accepted {
    pub manifest: Manifest,
    /// Host interfaces it imports.
    pub imports: Vec<String>,
    /// What its uploader should know though it is no reason to refuse.
    pub warnings: Vec<String>,
}

/// What came with the bytes.
#[derive(Debug, Default)]
pub struct Claims {
    /// The manifest the uploader believes to be in the file, as TOML.
    pub manifest: Option<String>,
    /// A configuration the filter must accept, as JSON text.
    pub config: Option<String>,
}

/// Errors: every reason against the upload.
pub async fn examine(
    runtime: &Runtime,
    digest: Digest,
    bytes: Arc<Vec<u8>>,
    claims: &Claims,
) -> Result<Accepted, Refusal> {
    let mut reasons = Vec::new();
    let manifest = gather("/artifact", &mut reasons, Manifest::from_component(&bytes).map_err(|error| error.faults));
    if let (Some(claimed), Some(found)) = (&claims.manifest, &manifest) {
        compare(claimed, found, &mut reasons);
    }
    let module = gather("/artifact", &mut reasons, load(runtime, digest, bytes.clone()).await);
    let (Some(manifest), Some(module), true) = (manifest, module, reasons.is_empty()) else {
        return Err(refusal(reasons));
    };
    let warnings = try_once(runtime, module, &manifest, claims).await?;
    let imports = surface(&bytes).map(|surface| surface.imports).unwrap_or_default();
    Ok(Accepted { manifest, imports, warnings })
}

fn gather<T>(pointer: &str, reasons: &mut Vec<Reason>, result: Result<T, Vec<String>>) -> Option<T> {
    result.map_err(|faults| reasons.extend(faults.into_iter().map(|fault| Reason::at(pointer, fault)))).ok()
}

fn refusal(mut reasons: Vec<Reason>) -> Refusal {
    reasons.sort();
    reasons.dedup();
    Refusal::invalid(reasons)
}

fn compare(claimed: &str, found: &Manifest, reasons: &mut Vec<Reason>) {
    match Manifest::parse(claimed) {
        Ok(claimed) if claimed == *found => {}
        Ok(_) => reasons.push(Reason::at("/manifest", "it is not the manifest that is in the artifact")),
        Err(error) => reasons.extend(error.faults.into_iter().map(|fault| Reason::at("/manifest", fault))),
    }
}

/// A configuration that came with the upload must be accepted. Without one the empty configuration
/// is tried: a filter may rightly want more than that, but it may not break on it.
async fn try_once(
    runtime: &Runtime,
    module: Arc<Module>,
    manifest: &Manifest,
    claims: &Claims,
) -> Result<Vec<String>, Refusal> {
    let spec = BindingSpec {
        tenant: upload_check(),
        plugin: manifest.name.clone(),
        version: manifest.version.clone(),
        config: claims.config.as_deref().unwrap_or("{}").into(),
        isolation: Isolation::Fresh,
        limits: FilterLimits::default(),
    };
    match prepare(runtime, module, spec).await {
        Ok(_) => Ok(Vec::new()),
        Err(PrepareError::Configure(reason)) if claims.config.is_none() => {
            Ok(vec![format!("configure refuses the empty configuration: {reason}")])
        }
        Err(error @ PrepareError::Configure(_)) => {
            Err(Refusal::invalid(vec![Reason::at("/config", error.to_string())]))
        }
        Err(error) => Err(Refusal::invalid(vec![Reason::at("/artifact", error.to_string())])),
    }
}

#[expect(clippy::expect_used, reason = "a constant")]
fn upload_check() -> TenantId {
    "upload-check".parse().expect("a valid tenant id")
}

/// Compiles where it is not compiled yet. Off the async threads: it blocks.
pub async fn load(runtime: &Runtime, digest: Digest, bytes: Arc<Vec<u8>>) -> Result<Arc<Module>, Vec<String>> {
    let runtime = runtime.clone();
    let loaded = tokio::task::spawn_blocking(move || runtime.load(digest, &bytes)).await;
    match loaded {
        Ok(Ok(module)) => Ok(module),
        Ok(Err(LoadError::Refused(reasons))) => Err(reasons),
        Ok(Err(other)) => Err(vec![other.to_string()]),
        Err(_) => Err(vec!["the check of the artifact did not end".to_owned()]),
    }
}

/// Off the async threads: it blocks some milliseconds.
pub async fn prepare(runtime: &Runtime, module: Arc<Module>, spec: BindingSpec) -> Result<Arc<Prepared>, PrepareError> {
    let runtime = runtime.clone();
    let prepared = tokio::task::spawn_blocking(move || runtime.prepare(&module, spec)).await;
    prepared.unwrap_or_else(|_| Err(PrepareError::Health("preparing it did not end".to_owned())))
}
