//! A plugin: its versions, which never change once registered, and what is released of them.

use crate::UnixMs;
use crate::release::{Layer, Release};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::sync::Arc;
use switchyard_contract::{Digest, Generation, PluginName, TenantId, Version};
use uuid::Uuid;

pub const PLUGINS_MAX: usize = 1_000;
pub const VERSIONS_MAX: usize = 50;

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Plugin {
    pub id: Uuid,
    pub generation: Generation,
    pub name: PluginName,
    /// What sort of plugin it says it is; shown, never interpreted.
    pub kind: String,
    pub description: String,
    pub created_at_unix_ms: UnixMs,
    pub versions: BTreeMap<Version, Arc<PluginVersion>>,
    /// How request keys fall into buckets, for every split of this plugin: a client keeps its side
    /// across deployments, and sides of different plugins are independent.
    pub salt: u64,
    pub release: Release,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PluginVersion {
    pub digest: Digest,
    pub size_bytes: u64,
    /// Host interfaces the component imports: its request for capabilities.
    pub imports: Vec<String>,
    /// As it came with the component, or empty.
    pub manifest: serde_json::Value,
    pub registered_at_unix_ms: UnixMs,
    pub registered_by: String,
    /// W3C trace context of the registration.
    pub traceparent: Option<String>,
}

impl Plugin {
    /// What to say when a version is asked for that is not there.
    pub fn no_such_version(&self, version: &Version) -> String {
        let known: Vec<_> = self.versions.keys().rev().take(5).map(Version::as_str).collect();
        format!("plugin {} has no version {version}; its newest are {}", self.name, known.join(", "))
    }
}

/// Which split decides the version of a binding.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Choice<'a> {
    Pinned { version: &'a Version, digest: Digest },
    Released(&'a Layer),
}

impl Plugin {
    /// `None`: nothing is released for this tenant, and the binding pins nothing.
    pub fn choice<'a>(&'a self, tenant: &TenantId, pin: Option<&'a Version>) -> Option<Choice<'a>> {
        match pin {
            Some(version) => {
                let digest = self.versions.get(version)?.digest;
                Some(Choice::Pinned { version, digest })
            }
            None => self.release.serving(tenant).map(Choice::Released),
        }
    }
}
