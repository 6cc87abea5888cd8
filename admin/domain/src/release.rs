//! What is released of a plugin: a stack of layers. A deployment lays one on top; rolling it back
//! takes it away, and what lay beneath shows again. A tenant is served by the topmost layer that
//! covers it.

use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;
use std::sync::Arc;
use switchyard_contract::TenantId;
use switchyard_contract::split::Split;
use uuid::Uuid;

/// Covered layers kept so that their successors can be rolled back.
pub const COVERED_LAYERS_MAX: usize = 10;
/// Layers that serve somebody at the same time.
pub const SERVING_LAYERS_MAX: usize = 64;

#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Release {
    /// The newest last.
    layers: Vec<Layer>,
}

/// The choice one deployment made.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Layer {
    pub deployment: Uuid,
    pub scope: Scope,
    pub split: Arc<Split>,
    /// What lay directly beneath is not kept any more: this layer cannot be taken away.
    pub is_floor: bool,
}

/// Whom a deployment is for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Scope {
    /// Tenants to come included.
    Everyone,
    Only(BTreeSet<TenantId>),
}

impl Scope {
    pub fn covers(&self, tenant: &TenantId) -> bool {
        match self {
            Self::Everyone => true,
            Self::Only(tenants) => tenants.contains(tenant),
        }
    }
    fn covers_all(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Everyone, _) => true,
            (Self::Only(_), Self::Everyone) => false,
            (Self::Only(mine), Self::Only(theirs)) => theirs.is_subset(mine),
        }
    }
}

impl Release {
    /// The newest last.
    pub fn layers(&self) -> &[Layer] {
        &self.layers
    }
    pub fn is_empty(&self) -> bool {
        self.layers.is_empty()
    }
    pub fn top(&self) -> Option<&Layer> {
        self.layers.last()
    }
    pub fn layer(&self, deployment: Uuid) -> Option<&Layer> {
        self.layers.iter().find(|layer| layer.deployment == deployment)
    }
    /// The layer that serves a tenant without a pin.
    pub fn serving(&self, tenant: &TenantId) -> Option<&Layer> {
        self.layers.iter().rev().find(|layer| layer.scope.covers(tenant))
    }
    /// The topmost layer that covers a whole scope: what a new choice for that scope starts from,
    /// so that as few keys as possible move.
    pub fn basis(&self, scope: &Scope) -> Option<&Layer> {
        self.layers.iter().rev().find(|layer| layer.scope.covers_all(scope))
    }
    /// The first newer layer that hides this one from everybody it was for, when there is one.
    pub fn covered_by(&self, deployment: Uuid) -> Option<&Layer> {
        let at = self.layers.iter().position(|layer| layer.deployment == deployment)?;
        let (below, above) = self.layers.split_at(at + 1);
        let scope = &below.last()?.scope;
        above.iter().find(|layer| layer.scope.covers_all(scope))
    }
    pub fn serving_count(&self) -> usize {
        self.layers.iter().filter(|layer| self.covered_by(layer.deployment).is_none()).count()
    }

    /// Covered layers beyond the number kept are forgotten, the oldest first. The layer that covers
    /// a forgotten one becomes a floor: taking it away would show something older than what it
    /// replaced.
    pub(crate) fn push(&mut self, layer: Layer) {
        self.layers.push(layer);
        let is_covered = |layer: &&Layer| self.covered_by(layer.deployment).is_some();
        let covered: Vec<_> = self.layers.iter().filter(is_covered).map(|layer| layer.deployment).collect();
        let surplus = covered.len().saturating_sub(COVERED_LAYERS_MAX);
        for forgotten in covered.into_iter().take(surplus) {
            let floor = self.covered_by(forgotten).map(|layer| layer.deployment);
            self.layers.retain(|layer| layer.deployment != forgotten);
            if let Some(floor) = self.layers.iter_mut().find(|layer| Some(layer.deployment) == floor) {
                floor.is_floor = true;
            }
        }
    }
    pub(crate) fn without(&self, deployment: Uuid) -> Self {
        Self { layers: self.layers.iter().filter(|layer| layer.deployment != deployment).cloned().collect() }
    }
    pub(crate) fn reweigh(&mut self, deployment: Uuid, split: Split) {
        if let Some(layer) = self.layers.iter_mut().find(|layer| layer.deployment == deployment) {
            layer.split = Arc::new(split);
        }
    }
    pub(crate) fn mentions(&self, tenant: &TenantId) -> bool {
        self.layers.iter().any(|layer| matches!(&layer.scope, Scope::Only(tenants) if tenants.contains(tenant)))
    }
    /// Forgets a tenant that is gone; a layer that was only for it goes too.
    pub(crate) fn without_tenant(&self, tenant: &TenantId) -> Self {
        let mut layers = self.layers.clone();
        layers.retain_mut(|layer| match &mut layer.scope {
            Scope::Everyone => true,
            Scope::Only(tenants) => {
                tenants.remove(tenant);
                !tenants.is_empty()
            }
        });
        Self { layers }
    }
}
