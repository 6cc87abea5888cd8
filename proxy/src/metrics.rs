//! The numbers of a node, in the embedder's registry, under the names of the API document.
//!
//! Handles are looked up when a tenant or a version is prepared, or at the first use of a rare
//! outcome: a request only adds to counters it already holds. Tenants beyond
//! `metrics_tenants_max` share `tenant="_other"`.

use prometheus::core::Collector;
use prometheus::{
    Histogram, HistogramOpts, HistogramVec, IntCounter, IntCounterVec, IntGauge, IntGaugeVec, Opts, Registry,
};
use std::collections::HashSet;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::Duration;
use switchyard_contract::TenantId;
use switchyard_runtime::{Fault, FilterId, HookError, RuntimeStats, WholeDecision};

const REQUEST_BUCKETS_S: [f64; 14] =
    [0.0002, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0];
const HOOK_BUCKETS_S: [f64; 16] =
    [1e-6, 2e-6, 3e-6, 5e-6, 8e-6, 12e-6, 20e-6, 50e-6, 100e-6, 250e-6, 500e-6, 1e-3, 2.5e-3, 5e-3, 10e-3, 50e-3];
const OTHER_TENANTS: &str = "_other";
const STATUS_CLASSES: [&str; 6] = ["none", "1xx", "2xx", "3xx", "4xx", "5xx"];

/// Every family the data plane feeds. Cheap to share.
pub struct Metrics {
    requests: IntCounterVec,
    pub request_duration: Histogram,
    pub upstream_duration: Histogram,
    pub connections: IntGauge,
    pub connections_refused: IntCounter,
    pub retries: IntCounter,
    invocations: IntCounterVec,
    execution: HistogramVec,
    traps: IntCounterVec,
    violations: IntCounterVec,
    pub active_requests: IntGaugeVec,
    cache_hits: IntCounter,
    cache_misses: IntCounter,
    cache_evictions: IntCounter,
    /// From asking for an artifact to a filter that is configured and healthy.
    pub load_duration: Histogram,
    instances_live: IntGauge,
    pub snapshot_generation: IntGauge,
    pub access_log_dropped: IntCounter,
    tenants_max: usize,
    named: Mutex<HashSet<TenantId>>,
}

impl Metrics {
    /// Registers every family. Errors: the registry already has one of that name.
    pub fn new(registry: &Registry, tenants_max: usize) -> Result<Self, prometheus::Error> {
        let counter = |name, help| IntCounter::new(name, help).and_then(|metric| register(registry, metric));
        let gauge = |name, help| IntGauge::new(name, help).and_then(|metric| register(registry, metric));
        let counters = |name, help, labels: &[&str]| {
            IntCounterVec::new(Opts::new(name, help), labels).and_then(|metric| register(registry, metric))
        };
        let seconds = |name, help| {
            let options = HistogramOpts::new(name, help).buckets(REQUEST_BUCKETS_S.to_vec());
            Histogram::with_opts(options).and_then(|metric| register(registry, metric))
        };
        let execution = HistogramOpts::new("switchyard_plugin_execution_duration_seconds", "Duration of a hook")
            .buckets(HOOK_BUCKETS_S.to_vec());
        let active = Opts::new("switchyard_plugin_active_requests", "Exchanges inside a filter version");
        Ok(Self {
            requests: counters("switchyard_requests_total", "Requests answered", &["tenant", "status_class"])?,
            request_duration: seconds("switchyard_request_duration_seconds", "Request head read to response written")?,
            upstream_duration: seconds("switchyard_upstream_duration_seconds", "Upstream chosen to response head")?,
            connections: gauge("switchyard_connections", "Open client connections")?,
            connections_refused: counter("switchyard_connections_refused_total", "Connections over the limit")?,
            retries: counter("switchyard_upstream_retries_total", "Attempts beyond the first")?,
            invocations: counters(
                "switchyard_plugin_invocations_total",
                "Hook calls by outcome",
                &["tenant", "plugin", "version", "hook", "outcome"],
            )?,
            execution: HistogramVec::new(execution, &["plugin", "version", "hook"])
                .and_then(|metric| register(registry, metric))?,
            traps: counters("switchyard_plugin_traps_total", "Traps of filters", &["tenant", "plugin", "version"])?,
            violations: counters("switchyard_plugin_resource_violations_total", "Limits hit", &["resource"])?,
            active_requests: IntGaugeVec::new(active, &["plugin", "version"])
                .and_then(|metric| register(registry, metric))?,
            cache_hits: counter("switchyard_module_cache_hits_total", "Modules found compiled")?,
            cache_misses: counter("switchyard_module_cache_misses_total", "Modules not found compiled")?,
            cache_evictions: counter("switchyard_module_cache_evictions_total", "Modules dropped for room")?,
            load_duration: seconds("switchyard_plugin_load_duration_seconds", "Artifact asked for to filter ready")?,
            instances_live: gauge("switchyard_plugin_instances", "Live filter instances")?,
            snapshot_generation: gauge("switchyard_snapshot_generation", "Generation that serves")?,
            access_log_dropped: counter("switchyard_access_log_dropped_total", "Access log lines not written")?,
            tenants_max,
            named: Mutex::default(),
        })
    }

    /// The label a tenant's series carry; the first `metrics_tenants_max` tenants have their own.
    pub fn tenant_label<'a>(&self, tenant: &'a TenantId) -> &'a str {
        let mut named = self.named.lock().unwrap_or_else(PoisonError::into_inner);
        if named.contains(tenant) {
            return tenant.as_str();
        }
        if named.len() >= self.tenants_max {
            return OTHER_TENANTS;
        }
        named.insert(tenant.clone());
        tenant.as_str()
    }

    pub fn tenant(&self, tenant: &TenantId) -> TenantMetrics {
        let label = self.tenant_label(tenant);
        TenantMetrics { requests: STATUS_CLASSES.map(|class| self.requests.with_label_values(&[label, class])) }
    }

    /// The counters of requests that belong to no tenant.
    pub fn no_tenant(&self) -> TenantMetrics {
        TenantMetrics { requests: STATUS_CLASSES.map(|class| self.requests.with_label_values(&["", class])) }
    }

    pub fn filter(self: &Arc<Self>, id: &Arc<FilterId>) -> FilterMetrics {
        let tenant = self.tenant_label(&id.tenant).into();
        FilterMetrics {
            families: self.clone(),
            tenant,
            id: id.clone(),
            cells: Default::default(),
            calls: AtomicU64::new(0),
        }
    }

    /// Brings the counters of the module cache up to the runtime's own.
    pub fn module_cache(&self, stats: &RuntimeStats) {
        for (counter, total) in [
            (&self.cache_hits, stats.module_cache_hits),
            (&self.cache_misses, stats.module_cache_misses),
            (&self.cache_evictions, stats.module_cache_evictions),
        ] {
            counter.inc_by(total.saturating_sub(counter.get()));
        }
        self.instances_live.set(i64::try_from(stats.instances_live).unwrap_or(i64::MAX));
    }
}

pub(crate) fn register<M: Collector + Clone + 'static>(registry: &Registry, metric: M) -> Result<M, prometheus::Error> {
    registry.register(Box::new(metric.clone()))?;
    Ok(metric)
}

/// What a request of one tenant adds to.
pub struct TenantMetrics {
    requests: [IntCounter; 6],
}

impl TenantMetrics {
    /// `status` 0: the connection ended before there was a response.
    pub fn answered(&self, status: u16) {
        if let Some(counter) = self.requests.get(usize::from(status / 100)).or(self.requests.first()) {
            counter.inc();
        }
    }

    #[cfg(test)]
    pub fn unregistered() -> Self {
        let family = IntCounterVec::new(Opts::new("test", "test"), &["class"]).unwrap();
        Self { requests: STATUS_CLASSES.map(|class| family.with_label_values(&[class])) }
    }
}

/// The hooks of a filter, as the `hook` label names them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Hook {
    RequestHead,
    RequestChunk,
    RequestWhole,
    ResponseHead,
    ResponseChunk,
    ResponseWhole,
}

impl Hook {
    const COUNT: usize = 6;

    pub fn label(self) -> &'static str {
        match self {
            Self::RequestHead => "on_request",
            Self::RequestChunk => "on_request_chunk",
            Self::RequestWhole => "on_request_whole",
            Self::ResponseHead => "on_response",
            Self::ResponseChunk => "on_response_chunk",
            Self::ResponseWhole => "on_response_whole",
        }
    }
}

/// What a call that did not fail came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    Pass,
    Reply,
}

impl Outcome {
    pub fn of_whole(decision: &WholeDecision) -> Self {
        match decision {
            WholeDecision::Pass(_) => Self::Pass,
            WholeDecision::Reply(_) => Self::Reply,
        }
    }
}

#[derive(Default)]
struct HookCells {
    pass: OnceLock<IntCounter>,
    reply: OnceLock<IntCounter>,
    execution: OnceLock<Histogram>,
}

/// What one version of a filter adds to, for one tenant.
pub struct FilterMetrics {
    families: Arc<Metrics>,
    tenant: Arc<str>,
    id: Arc<FilterId>,
    cells: [HookCells; Hook::COUNT],
    calls: AtomicU64,
}

impl FilterMetrics {
    /// Hook calls so far, failed ones included.
    pub fn calls(&self) -> u64 {
        self.calls.load(Ordering::Relaxed)
    }

    pub fn called(&self, hook: Hook, outcome: Outcome, took: Duration) {
        let Some(cells) = self.cells.get(hook as usize) else { return };
        let (cell, label) = match outcome {
            Outcome::Pass => (&cells.pass, "pass"),
            Outcome::Reply => (&cells.reply, "reply"),
        };
        cell.get_or_init(|| self.invocation(hook, label)).inc();
        self.took(cells, hook, took);
    }

    pub fn failed(&self, hook: Hook, error: &HookError, took: Duration) {
        let outcome = match error {
            HookError::Reject(_) => "reject",
            HookError::Fault(fault) => fault.kind(),
        };
        self.invocation(hook, outcome).inc();
        match error {
            HookError::Fault(Fault::Trap { .. }) => {
                let labels = [&*self.tenant, self.id.plugin.as_str(), self.id.version.as_str()];
                self.families.traps.with_label_values(&labels).inc();
            }
            HookError::Fault(
                fault @ (Fault::Deadline { .. }
                | Fault::Memory { .. }
                | Fault::HostCalls { .. }
                | Fault::Exhausted { .. }),
            ) => self.families.violations.with_label_values(&[fault.kind()]).inc(),
            _ => {}
        }
        if let Some(cells) = self.cells.get(hook as usize) {
            self.took(cells, hook, took);
        }
    }

    fn took(&self, cells: &HookCells, hook: Hook, took: Duration) {
        self.calls.fetch_add(1, Ordering::Relaxed);
        let labels = || [self.id.plugin.as_str(), self.id.version.as_str(), hook.label()];
        cells
            .execution
            .get_or_init(|| self.families.execution.with_label_values(&labels()))
            .observe(took.as_secs_f64());
    }

    fn invocation(&self, hook: Hook, outcome: &str) -> IntCounter {
        let labels = [&*self.tenant, self.id.plugin.as_str(), self.id.version.as_str(), hook.label(), outcome];
        self.families.invocations.with_label_values(&labels)
    }
}
