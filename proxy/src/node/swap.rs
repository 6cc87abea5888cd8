//! One pointer is swapped; what it replaced is kept for a rollback or seen off.

use super::feed::Node;
use super::prepare::{Arm, ArmKey, arms_of};
use super::receipt::Retired;
use crate::tenant::{Map, TenantRoute};
use std::sync::Arc;
use std::time::{Duration, SystemTime};
use switchyard_contract::TenantId;
use tokio::time::Instant;

impl Node {
    /// Keeps the replaced form for a rollback and lets the one before it go.
    pub(super) fn replaced(&mut self, old: Arc<TenantRoute>) {
        let before = match self.status.shared.settings.keep_previous {
            true => self.kept.insert(old.entry.id.clone(), old.clone()),
            false => None,
        };
        let serving: Vec<ArmKey> = self
            .routes
            .get(&old.entry.id)
            .map(|route| arms_of(route).map(|(key, _)| key).collect())
            .unwrap_or_default();
        for route in before.iter().chain([&old]) {
            for (key, arm) in arms_of(route) {
                let known = self.retired.iter().any(|(retired, _)| Arc::ptr_eq(retired.arm(), arm));
                if !serving.contains(&key) && !known {
                    let retired = Retired::new(arm.clone(), route, self.desired.generation);
                    self.retired.push((retired, SystemTime::now()));
                }
            }
        }
    }

    /// One pointer.
    pub(super) fn swap(&mut self, complete: bool) {
        let gone: Vec<TenantId> =
            self.routes.keys().filter(|tenant| !self.entries.contains_key(*tenant)).cloned().collect();
        for tenant in gone {
            self.kept.remove(&tenant);
            if let Some(route) = self.routes.remove(&tenant) {
                let arms = arms_of(&route).map(|(_, arm)| Retired::new(arm.clone(), &route, self.desired.generation));
                self.retired.extend(arms.map(|retired| (retired, SystemTime::now())));
            }
        }
        let serving = self.status.shared.map.load().generation;
        let generation = if complete { self.desired.generation } else { serving };
        if !self.changed && serving == generation {
            return;
        }
        self.changed = false;
        // Where a host moves between tenants, the form that is wanted now has it.
        let mut routes: Vec<_> = self.routes.values().cloned().collect();
        routes.sort_by_key(|route| self.entries.get(&route.entry.id) == Some(&route.entry));
        let old = self.status.shared.map.swap(Arc::new(Map::new(generation, routes)));
        self.last_swap = Instant::now();
        self.old_maps.push(old);
    }

    /// Lets go of the versions whose exchanges are over.
    pub(super) fn see_off(&mut self) {
        let timeout = Duration::from_millis(self.status.shared.settings.version_drain_timeout_ms);
        let keepers = usize::from(self.status.shared.settings.keep_previous);
        self.old_maps.retain(|map| Arc::strong_count(map) > 1);
        // A version that serves again, after a rollback, is nobody's to see off.
        let serving = &self.routes;
        self.retired.retain(|(retired, _)| {
            let tenant = serving.get(&retired.arm().prepared.id().tenant);
            !tenant.is_some_and(|route| arms_of(route).any(|(_, arm)| Arc::ptr_eq(arm, retired.arm())))
        });
        let (due, draining): (Vec<_>, Vec<_>) =
            std::mem::take(&mut self.retired).into_iter().partition(|(retired, _)| retired.is_due(keepers, timeout));
        self.retired = draining;
        let draining = self.retired.iter().map(|(retired, since)| (retired.arm().clone(), *since)).collect();
        self.changing().draining = draining;
        for (retired, _) in due {
            let receipt = retired.receipt();
            tracing::info!(
                tenantId = %receipt.tenant, pluginId = %receipt.plugin, version = %receipt.version,
                drained_in_ms = receipt.drained_in_ms, forced = receipt.exchanges_forced,
                module_bytes_released = receipt.module_bytes_released, "version drained"
            );
            self.changing().add_receipt(receipt);
        }
    }

    /// Versions that get no requests and wait for a rollback.
    pub(super) fn kept_warm(&self) -> Vec<Arc<Arm>> {
        let mut warm = Vec::new();
        for (tenant, old) in &self.kept {
            let Some(route) = self.routes.get(tenant) else { continue };
            for (_, arm) in arms_of(old) {
                let used = arms_of(route).any(|(_, serving)| Arc::ptr_eq(serving, arm))
                    || self.retired.iter().any(|(retired, _)| Arc::ptr_eq(retired.arm(), arm));
                if !used {
                    warm.push(arm.clone());
                }
            }
        }
        warm
    }
}
