//! Says what went wrong in a filter, at most once a second and version: a filter that fails every
//! request must not become a flood of log lines.

use crate::metrics::Hook;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{SystemTime, UNIX_EPOCH};
use switchyard_runtime::{Fault, FilterId};

/// Faults of one version for one tenant.
#[derive(Debug, Default)]
pub struct Faults {
    total: AtomicU64,
    /// The second of the last line.
    said_at_s: AtomicU64,
    silent: AtomicU64,
}

impl Faults {
    pub fn total(&self) -> u64 {
        self.total.load(Ordering::Relaxed)
    }

    pub fn report(&self, id: &Arc<FilterId>, hook: Hook, request_id: u64, fault: &Fault) {
        self.total.fetch_add(1, Ordering::Relaxed);
        let now_s = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |now| now.as_secs());
        if self.said_at_s.swap(now_s, Ordering::Relaxed) == now_s {
            self.silent.fetch_add(1, Ordering::Relaxed);
            return;
        }
        tracing::warn!(
            tenantId = %id.tenant,
            pluginId = %id.plugin,
            version = %id.version,
            requestId = format_args!("{request_id:016x}"),
            hook = hook.label(),
            kind = fault.kind(),
            not_logged_since_last = self.silent.swap(0, Ordering::Relaxed),
            "filter failed: {fault}"
        );
    }
}
