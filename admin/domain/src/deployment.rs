//! A deployment: who chose which versions for whom, and what became of it.

use crate::UnixMs;
use crate::release::Scope;
use serde::{Deserialize, Serialize};
use switchyard_contract::split::Arm;
use switchyard_contract::{Generation, NodeId, PluginName, TenantId};
use uuid::Uuid;

/// Events kept of one deployment; the oldest but the first go.
pub const EVENTS_MAX: usize = 200;
/// Refusals kept of a failed deployment; the count is kept whole.
pub const REFUSALS_KEPT_MAX: usize = 100;
/// Ended deployments kept in the world. The audit log keeps them all.
pub const DEPLOYMENTS_KEPT_MAX: usize = 5_000;

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Deployment {
    /// Time-ordered (UUID version 7).
    pub id: Uuid,
    pub generation: Generation,
    pub plugin: PluginName,
    pub scope: Scope,
    pub arms: Vec<Arm>,
    pub created_at_unix_ms: UnixMs,
    pub created_by: String,
    /// The generation whose acknowledgement says that the present choice serves.
    pub effective: Generation,
    /// What the nodes made of the present choice, once all have answered.
    pub outcome: Option<Outcome>,
    pub rolled_back: bool,
    /// The oldest first.
    pub events: Vec<Event>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    Completed,
    Failed { refusals_total: u64, refusals: Vec<NodeRefusal> },
}

/// A node could not prepare a tenant's new form; the tenant keeps its previous one there.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct NodeRefusal {
    pub node: NodeId,
    pub tenant: TenantId,
    pub reason: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Event {
    pub at_unix_ms: UnixMs,
    pub by: String,
    pub what: EventKind,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum EventKind {
    Created,
    Reweighed(Vec<Arm>),
    Completed,
    Failed,
    RolledBack { reason: String },
}

impl Deployment {
    pub(crate) fn record(&mut self, at_unix_ms: UnixMs, by: &str, what: EventKind) {
        if self.events.len() >= EVENTS_MAX {
            // The first says how it began: it stays.
            self.events.remove(1);
        }
        self.events.push(Event { at_unix_ms, by: by.to_owned(), what });
    }
    /// Whether nothing more can become of it by itself.
    pub fn is_settled(&self) -> bool {
        self.rolled_back || self.outcome.is_some()
    }
}
