//! Plugins and their versions.

use super::{ArmView, arm_views, time};
use serde::Serialize;
use switchyard_contract::{Digest, PluginName, Version};
use switchyard_domain::plugin::{Plugin, PluginVersion};
use switchyard_domain::release::Scope;
use uuid::Uuid;

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct PluginView {
    id: Uuid,
    name: PluginName,
    r#type: String,
    description: String,
    generation: u64,
    created_at: String,
    /// The newest first.
    versions: Vec<VersionView>,
    /// What serves the tenants that neither pin nor were deployed to apart.
    #[serde(skip_serializing_if = "Option::is_none")]
    released: Option<Vec<ArmView>>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct VersionView {
    version: Version,
    status: &'static str,
    digest: Digest,
    size_bytes: u64,
    imports: Vec<String>,
    manifest: serde_json::Value,
    registered_at: String,
    registered_by: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    traceparent: Option<String>,
}

impl PluginView {
    pub fn of(plugin: &Plugin) -> Self {
        Self {
            id: plugin.id,
            name: plugin.name.clone(),
            r#type: plugin.kind.clone(),
            description: plugin.description.clone(),
            generation: plugin.generation.0,
            created_at: time(plugin.created_at_unix_ms),
            versions: plugin.versions.iter().rev().map(|(version, kept)| VersionView::of(version, kept)).collect(),
            released: plugin.release.basis(&Scope::Everyone).map(|layer| arm_views(&layer.split.arms)),
        }
    }
}

impl VersionView {
    pub fn of(version: &Version, kept: &PluginVersion) -> Self {
        Self {
            version: version.clone(),
            status: "Registered",
            digest: kept.digest,
            size_bytes: kept.size_bytes,
            imports: kept.imports.clone(),
            manifest: kept.manifest.clone(),
            registered_at: time(kept.registered_at_unix_ms),
            registered_by: kept.registered_by.clone(),
            traceparent: kept.traceparent.clone(),
        }
    }
}
