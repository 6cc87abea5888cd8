//! What commands carry.

use crate::UnixMs;
use crate::release::Scope;
use crate::role::Role;
use std::sync::Arc;
use switchyard_contract::snapshot::{FailurePolicy, FilterLimits, Isolation, Stickiness};
use switchyard_contract::{Digest, PluginName, Version};
use uuid::Uuid;

#[derive(Debug, Clone)]
pub struct Registration {
    /// For a plugin that is not there yet.
    pub new_id: Uuid,
    /// For a plugin that is not there yet: random.
    pub salt: u64,
    pub name: PluginName,
    pub version: Version,
    pub kind: String,
    pub description: String,
    pub digest: Digest,
    pub size_bytes: u64,
    pub imports: Vec<String>,
    pub manifest: serde_json::Value,
    pub traceparent: Option<String>,
}

/// How a plugin stands on a tenant's path. Whether it is enabled stays as it is.
#[derive(Debug, Clone)]
pub struct BindingSetting {
    /// `None` leaves the place as it is.
    pub order: Option<i32>,
    /// JSON text.
    pub config: Arc<str>,
    /// `None` leaves the pin as it is.
    pub pin: Option<Version>,
    pub stickiness: Stickiness,
    pub failure_policy: FailurePolicy,
    pub isolation: Isolation,
    pub limits: FilterLimits,
}

/// A version with its share of the request keys, in parts per million.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Share {
    pub version: Version,
    pub weight_ppm: u32,
}

#[derive(Debug, Clone)]
pub struct Deploy {
    /// UUID version 7: deployments sort by the time they were made.
    pub id: Uuid,
    pub plugin: PluginName,
    pub arms: Vec<Share>,
    pub scope: Scope,
}

#[derive(Debug, Clone)]
pub struct NewToken {
    pub id: Uuid,
    pub name: String,
    pub secret_sha256: String,
    pub role: Role,
    pub expires_at_unix_ms: Option<UnixMs>,
}
