//! How the node is, for the control plane and for `Edge::status`.

use super::prepare::{Arm, arms_of};
use crate::phases::Shared;
use std::collections::{HashMap, VecDeque};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::{SystemTime, UNIX_EPOCH};
use switchyard_contract::TenantId;
use switchyard_contract::report::{BootId, NodeReport, Refusal, SwapReceipt, VersionReport, VersionState};
use switchyard_runtime::Runtime;

/// Receipts a report carries at most.
const RECEIPTS_MAX: usize = 256;

/// What reports are made of. Nothing here is touched by requests.
pub struct Status {
    pub shared: Arc<Shared>,
    pub runtime: Runtime,
    pub boot_id: BootId,
    pub started: SystemTime,
    pub ready: AtomicBool,
    pub draining: AtomicBool,
    pub changing: Mutex<Changing>,
}

/// What only the swapping task changes.
#[derive(Default)]
pub struct Changing {
    pub refused: HashMap<TenantId, Refusal>,
    pub draining: Vec<(Arc<Arm>, SystemTime)>,
    /// Replaced, drained and kept for a rollback.
    pub kept: Vec<Arc<Arm>>,
    pub receipts: VecDeque<SwapReceipt>,
}

impl Changing {
    pub fn add_receipt(&mut self, receipt: SwapReceipt) {
        if self.receipts.len() >= RECEIPTS_MAX {
            self.receipts.pop_front();
        }
        self.receipts.push_back(receipt);
    }
}

impl Status {
    pub fn report(&self) -> NodeReport {
        let map = self.shared.map.load_full();
        let stats = self.runtime.stats();
        let changing = self.changing.lock().unwrap_or_else(PoisonError::into_inner);
        let serving = map.tenants.values().flat_map(|route| arms_of(route));
        let mut versions: Vec<VersionReport> =
            serving.map(|(_, arm)| version(arm, VersionState::Active, arm.since)).collect();
        versions.extend(changing.draining.iter().map(|(arm, since)| version(arm, VersionState::Draining, *since)));
        versions.extend(changing.kept.iter().map(|arm| version(arm, VersionState::Disabled, arm.since)));
        let mut refused: Vec<Refusal> = changing.refused.values().cloned().collect();
        refused.sort_by(|a, b| a.tenant.cmp(&b.tenant));
        NodeReport {
            node: self.shared.settings.node.clone(),
            boot_id: self.boot_id,
            started_unix_ms: unix_ms(self.started),
            generation: map.generation,
            draining: self.draining.load(Ordering::Relaxed),
            connections: u64::try_from(self.shared.metrics.connections.get()).unwrap_or(0),
            exchanges_in_flight: map.tenants.values().map(|route| u64::from(route.in_flight.now())).sum(),
            instances_live: stats.instances_live,
            instances_max: stats.instances_max,
            modules_loaded: stats.modules_loaded,
            resident_bytes: resident_bytes(),
            refused,
            versions,
            receipts: changing.receipts.iter().cloned().collect(),
        }
    }

    /// Brings the gauges that nobody counts up to date.
    pub fn refresh_metrics(&self) {
        let metrics = &self.shared.metrics;
        metrics.module_cache(&self.runtime.stats());
        let map = self.shared.map.load_full();
        metrics.snapshot_generation.set(i64::try_from(map.generation.0).unwrap_or(i64::MAX));
        let mut active: HashMap<(String, String), i64> = HashMap::new();
        for (_, arm) in map.tenants.values().flat_map(|route| arms_of(route)) {
            let id = arm.prepared.id();
            let key = (id.plugin.to_string(), id.version.to_string());
            *active.entry(key).or_default() += i64::try_from(arm.prepared.exchanges_in_flight()).unwrap_or(0);
        }
        metrics.active_requests.reset();
        for ((plugin, version), exchanges) in active {
            metrics.active_requests.with_label_values(&[&plugin, &version]).set(exchanges);
        }
    }
}

fn version(arm: &Arm, state: VersionState, since: SystemTime) -> VersionReport {
    let id = arm.prepared.id();
    VersionReport {
        tenant: id.tenant.clone(),
        plugin: id.plugin.clone(),
        version: id.version.clone(),
        digest: arm.prepared.module().digest(),
        state,
        state_since_unix_ms: unix_ms(since),
        exchanges_in_flight: arm.prepared.exchanges_in_flight(),
        calls_total: arm.metrics.calls(),
        faults_total: arm.faults.total(),
    }
}

fn unix_ms(time: SystemTime) -> u64 {
    time.duration_since(UNIX_EPOCH).map_or(0, |since| u64::try_from(since.as_millis()).unwrap_or(u64::MAX))
}

/// The process's resident memory; 0 where the kernel does not say.
fn resident_bytes() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let kibibytes = line.and_then(|line| line.trim().strip_suffix("kB")?.trim().parse::<u64>().ok());
    kibibytes.unwrap_or(0) * 1024
}
