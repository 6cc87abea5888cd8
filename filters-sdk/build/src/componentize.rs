//! From a core module to a component that carries its manifest.

use crate::BuildError;
use switchyard_filter_manifest::{Manifest, SECTION};
use wasm_encoder::{ComponentSection, CustomSection};
use wit_component::ComponentEncoder;

/// The WIT world is in the module, put there by the bindings generator.
pub(crate) fn component(module: &[u8], manifest: &Manifest) -> Result<Vec<u8>, BuildError> {
    let refused = |error: anyhow::Error| BuildError::Component(format!("{error:#}"));
    let encoder = ComponentEncoder::default().module(module).map_err(refused)?;
    let mut component = encoder.validate(true).encode().map_err(refused)?;
    let text = manifest.to_toml();
    let section = CustomSection { name: SECTION.into(), data: text.as_bytes().into() };
    section.append_to_component(&mut component);
    Ok(component)
}
