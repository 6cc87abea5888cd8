//! Sees replaced versions off: waits until their exchanges are over, lets them go, and says what
//! that gave back.
//!
//! A version that is kept warm for a rollback gets a receipt when it has drained, with no bytes
//! released, and another one when it is let go.

use super::prepare::Arm;
use crate::tenant::TenantRoute;
use std::sync::{Arc, Weak};
use std::time::{Duration, Instant};
use switchyard_contract::Generation;
use switchyard_contract::report::SwapReceipt;

/// A version that gets no new requests.
pub struct Retired {
    arm: Arc<Arm>,
    /// The form of the tenant it served in; every request that chose it holds on to that.
    route: Weak<TenantRoute>,
    generation: Generation,
    since: Instant,
    exchanges_at_swap: u64,
}

impl Retired {
    /// `generation`: the one that replaced it.
    pub fn new(arm: Arc<Arm>, route: &Arc<TenantRoute>, generation: Generation) -> Self {
        let exchanges_at_swap = arm.prepared.exchanges_in_flight();
        Self { arm, route: Arc::downgrade(route), generation, since: Instant::now(), exchanges_at_swap }
    }

    pub fn arm(&self) -> &Arc<Arm> {
        &self.arm
    }

    /// Whether its exchanges are over, or have had `timeout` to end. `keepers`: how many hold its
    /// route without being requests; a request may have chosen the version and not yet begun.
    pub fn is_due(&self, keepers: usize, timeout: Duration) -> bool {
        let idle = self.arm.prepared.exchanges_in_flight() == 0 && self.route.strong_count() <= keepers;
        idle || self.since.elapsed() >= timeout
    }

    /// The receipt. Lets the version go unless somebody keeps it.
    pub fn receipt(self) -> SwapReceipt {
        let id = self.arm.prepared.id().clone();
        let module = self.arm.prepared.module().clone();
        let (module_bytes, instances_left) = (module.image_bytes(), self.arm.prepared.instances_live());
        let exchanges_forced = self.arm.prepared.exchanges_in_flight();
        let weak = Arc::downgrade(&module);
        drop((module, self.arm));
        SwapReceipt {
            generation: self.generation,
            tenant: id.tenant.clone(),
            plugin: id.plugin.clone(),
            version: id.version.clone(),
            exchanges_at_swap: self.exchanges_at_swap,
            exchanges_forced,
            drained_in_ms: u64::try_from(self.since.elapsed().as_millis()).unwrap_or(u64::MAX),
            instances_left,
            module_bytes_released: if weak.strong_count() == 0 { module_bytes } else { 0 },
        }
    }
}
