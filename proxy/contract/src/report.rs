//! What a node tells the control plane.

use crate::ids::{Digest, Generation, NodeId, PluginName, TenantId, Version};
use serde::{Deserialize, Serialize};

/// One start of a node: tells a restarted node's counters from its former ones.
pub type BootId = u64;

/// The node has swapped to `generation`, except for the tenants it refused.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Acknowledgement {
    pub node: NodeId,
    pub boot_id: BootId,
    pub generation: Generation,
    pub refused: Vec<Refusal>,
}

/// A tenant whose new form could not be prepared. It keeps its previous one.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Refusal {
    pub tenant: TenantId,
    /// The generation whose form was refused.
    pub generation: Generation,
    /// The binding at fault, where it is one.
    pub plugin: Option<PluginName>,
    pub reason: String,
}

/// Lifecycle of a version of a plugin for one tenant on one node.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub enum VersionState {
    Loading,
    Active,
    Draining,
    Unloading,
    Failed,
    Disabled,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct VersionReport {
    pub tenant: TenantId,
    pub plugin: PluginName,
    pub version: Version,
    pub digest: Digest,
    pub state: VersionState,
    pub state_since_unix_ms: u64,
    pub exchanges_in_flight: u64,
    pub calls_total: u64,
    pub faults_total: u64,
}

/// What an old version left behind when it drained after a swap.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct SwapReceipt {
    pub generation: Generation,
    pub tenant: TenantId,
    pub plugin: PluginName,
    pub version: Version,
    pub exchanges_at_swap: u64,
    pub exchanges_forced: u64,
    pub drained_in_ms: u64,
    /// Instances the version still had alive at the end: 0 unless forced.
    pub instances_left: u64,
    /// Bytes of compiled code given back, 0 while another tenant still uses the module.
    pub module_bytes_released: u64,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct NodeReport {
    pub node: NodeId,
    pub boot_id: BootId,
    pub started_unix_ms: u64,
    /// The generation that serves.
    pub generation: Generation,
    pub draining: bool,
    pub connections: u64,
    pub exchanges_in_flight: u64,
    pub instances_live: u64,
    pub instances_max: u64,
    pub modules_loaded: u64,
    pub resident_bytes: u64,
    pub refused: Vec<Refusal>,
    pub versions: Vec<VersionReport>,
    /// The newest last, a bounded number of them.
    pub receipts: Vec<SwapReceipt>,
}
