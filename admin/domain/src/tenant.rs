//! A tenant: its hosts, its upstreams, and the plugins on its path.

use crate::UnixMs;
use serde::{Deserialize, Serialize};
use std::sync::Arc;
use switchyard_contract::snapshot::{FailurePolicy, FilterLimits, Isolation, Stickiness, TenantLimits, Upstream};
use switchyard_contract::{Generation, Host, PluginName, TenantId, Version};

pub const TENANTS_MAX: usize = 100_000;
pub const HOSTS_PER_TENANT_MAX: usize = 100;
pub const UPSTREAMS_PER_TENANT_MAX: usize = 64;
pub const ADDRESSES_PER_UPSTREAM_MAX: usize = 256;
pub const BINDINGS_PER_TENANT_MAX: usize = 32;
pub const CONFIG_BYTES_MAX: usize = 64 * 1024;

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Tenant {
    pub id: TenantId,
    pub generation: Generation,
    pub hosts: Vec<Host>,
    pub upstreams: Vec<Upstream>,
    /// In the order in which requests pass them.
    pub bindings: Vec<Bound>,
    pub show_versions: bool,
    pub limits: TenantLimits,
    pub created_at_unix_ms: UnixMs,
    pub updated_at_unix_ms: UnixMs,
}

/// What can be said about a tenant from outside.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TenantSpec {
    pub id: TenantId,
    pub hosts: Vec<Host>,
    pub upstreams: Vec<Upstream>,
    pub bindings: Vec<Bound>,
    pub show_versions: bool,
    pub limits: TenantLimits,
}

/// A plugin on a tenant's path.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Bound {
    pub plugin: PluginName,
    /// Smaller first; equal ones by name.
    pub order: i32,
    /// A disabled binding keeps its configuration and is not served.
    pub enabled: bool,
    /// This version whatever is released. `None`: what is released for this tenant.
    pub pin: Option<Version>,
    /// The JSON text `configure` gets.
    pub config: Arc<str>,
    pub stickiness: Stickiness,
    pub failure_policy: FailurePolicy,
    pub isolation: Isolation,
    pub limits: FilterLimits,
}

impl Bound {
    /// With every option at its default.
    pub fn new(plugin: PluginName) -> Self {
        Self {
            plugin,
            order: 0,
            enabled: true,
            pin: None,
            config: "{}".into(),
            stickiness: Stickiness::default(),
            failure_policy: FailurePolicy::default(),
            isolation: Isolation::default(),
            limits: FilterLimits::default(),
        }
    }
}

impl Tenant {
    pub fn binding(&self, plugin: &PluginName) -> Option<&Bound> {
        self.bindings.iter().find(|bound| bound.plugin == *plugin)
    }
}

/// Puts bindings in the order in which requests pass them.
pub(crate) fn sort_bindings(bindings: &mut [Bound]) {
    bindings.sort_by(|a, b| (a.order, &a.plugin).cmp(&(b.order, &b.plugin)));
}
