//! The full desired state of the data plane at one generation. A node never gets a difference.

use crate::ids::{Generation, Host, PluginName, TenantId};
use crate::split::Split;
use serde::{Deserialize, Serialize};
use std::sync::Arc;

#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Snapshot {
    pub generation: Generation,
    /// Shared, so that a change of one tenant copies one entry.
    pub tenants: Vec<Arc<TenantEntry>>,
}

/// One tenant, complete. Equal entries need no work on the node.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TenantEntry {
    pub id: TenantId,
    pub hosts: Vec<Host>,
    /// The first is where requests go that no filter sends elsewhere. Never empty.
    pub upstreams: Vec<Upstream>,
    /// In the order in which requests pass them; responses pass them in reverse.
    pub bindings: Vec<Binding>,
    /// Whether responses name the versions that touched them (`x-switchyard-versions`).
    pub show_versions: bool,
    pub limits: TenantLimits,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TenantLimits {
    /// Body bytes a filter may buffer, also the most a buffered body may hold.
    pub buffered_body_bytes_max: u64,
    /// Exchanges of this tenant at once; more get 503 with `Retry-After`.
    pub exchanges_max: u32,
}

impl Default for TenantLimits {
    fn default() -> Self {
        Self { buffered_body_bytes_max: 1 << 20, exchanges_max: 10_000 }
    }
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Upstream {
    pub name: String,
    /// `host:port` or `address:port`. Never empty.
    pub addresses: Vec<String>,
    pub protocol: UpstreamProtocol,
    pub tls: Option<UpstreamTls>,
    pub health_check: Option<HealthCheck>,
    pub timeouts: UpstreamTimeouts,
    /// Attempts beyond the first, on another address, for requests that may be repeated safely.
    pub retries_max: u8,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum UpstreamProtocol {
    #[default]
    Http1,
    /// Prior knowledge in clear text, ALPN over TLS.
    Http2,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct UpstreamTls {
    /// Name asked for and verified. Never empty: an empty name would switch verification off.
    pub server_name: String,
    /// PEM of the authorities to trust instead of the system's.
    pub ca_pem: Option<String>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct HealthCheck {
    pub path: String,
    pub interval_ms: u64,
    pub timeout_ms: u64,
    pub healthy_after: u32,
    pub unhealthy_after: u32,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct UpstreamTimeouts {
    pub connect_ms: u64,
    /// Between two reads.
    pub read_ms: u64,
    /// Between two writes.
    pub write_ms: u64,
    /// How long an unused connection is kept.
    pub idle_ms: u64,
}

impl Default for UpstreamTimeouts {
    fn default() -> Self {
        Self { connect_ms: 1_000, read_ms: 60_000, write_ms: 60_000, idle_ms: 60_000 }
    }
}

/// A plugin on a tenant's path.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Binding {
    pub plugin: PluginName,
    /// The tenant's configuration, as the JSON text `configure` gets.
    pub config: Arc<str>,
    pub split: Split,
    pub stickiness: Stickiness,
    pub failure_policy: FailurePolicy,
    pub isolation: Isolation,
    /// Asked for by the binding; the node's own limits still apply.
    pub limits: FilterLimits,
}

/// Where the key of a request comes from: the first of these that it has, else a random draw.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase", default)]
pub struct Stickiness {
    pub cookie: Option<String>,
    pub header: Option<String>,
    pub client_address: bool,
}

/// What becomes of an exchange whose filter failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum FailurePolicy {
    /// 503.
    #[default]
    Closed,
    /// As if the filter were absent.
    Open,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Isolation {
    /// A new instance for every exchange, thrown away after it.
    #[default]
    Fresh,
    /// An instance serves many exchanges, one call at a time.
    Reused,
}

/// `None`: the node's own limit.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase", default)]
pub struct FilterLimits {
    /// For one call of a hook.
    pub deadline_ms: Option<u32>,
    /// All memories and tables of one instance.
    pub memory_bytes_max: Option<u64>,
    /// Host calls in one exchange.
    pub host_calls_max: Option<u32>,
    /// Log lines in one exchange.
    pub log_lines_max: Option<u32>,
}
