//! What the control plane counts, in the registry of whoever embeds it.

use prometheus::{Gauge, Histogram, HistogramOpts, HistogramVec, IntCounter, IntCounterVec, IntGauge, Opts, Registry};
use std::time::Duration;
use switchyard_contract::Generation;
use switchyard_domain::deployment::{Deployment, Outcome};

#[derive(Clone)]
pub struct Metrics {
    pub(crate) registry: Registry,
    registered: IntCounter,
    deployed: IntCounter,
    failed: IntCounter,
    rolled_back: IntCounterVec,
    in_progress: IntGauge,
    deployment_seconds: Histogram,
    rollback_seconds: Histogram,
    published_generation: Gauge,
    request_seconds: HistogramVec,
}

/// From half a millisecond to half a minute: a deployment is acknowledged within 100 ms or waits.
const SECONDS: &[f64] = &[0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0];

impl Metrics {
    /// Errors: one of the names is taken in this registry.
    pub fn register(registry: &Registry) -> Result<Self, prometheus::Error> {
        let seconds = |name: &str, help: &str| HistogramOpts::new(name, help).buckets(SECONDS.to_vec());
        let metrics = Self {
            registry: registry.clone(),
            registered: IntCounter::new("switchyard_plugins_registered_total", "Plugin versions registered.")?,
            deployed: IntCounter::new("switchyard_plugins_deployed_total", "Deployments made.")?,
            failed: IntCounter::new("switchyard_plugins_failed_total", "Deployments some node refused.")?,
            rolled_back: IntCounterVec::new(
                Opts::new("switchyard_plugins_rollback_total", "Deployments rolled back."),
                &["reason"],
            )?,
            in_progress: IntGauge::new("switchyard_deployments_in_progress", "Deployments no node has settled yet.")?,
            deployment_seconds: Histogram::with_opts(seconds(
                "switchyard_deployment_duration_seconds",
                "From the commit of a deployment to the answer of the last node.",
            ))?,
            rollback_seconds: Histogram::with_opts(seconds(
                "switchyard_rollback_duration_seconds",
                "From the call of a rollback to the answer of the last node.",
            ))?,
            published_generation: Gauge::new("switchyard_published_generation", "Generation offered to the nodes.")?,
            request_seconds: HistogramVec::new(
                seconds("switchyard_admin_request_duration_seconds", "Requests to the admin API."),
                &["method", "route", "status"],
            )?,
        };
        metrics.register_all()?;
        Ok(metrics)
    }

    fn register_all(&self) -> Result<(), prometheus::Error> {
        self.registry.register(Box::new(self.registered.clone()))?;
        self.registry.register(Box::new(self.deployed.clone()))?;
        self.registry.register(Box::new(self.failed.clone()))?;
        self.registry.register(Box::new(self.rolled_back.clone()))?;
        self.registry.register(Box::new(self.in_progress.clone()))?;
        self.registry.register(Box::new(self.deployment_seconds.clone()))?;
        self.registry.register(Box::new(self.rollback_seconds.clone()))?;
        self.registry.register(Box::new(self.published_generation.clone()))?;
        self.registry.register(Box::new(self.request_seconds.clone()))
    }

    pub(crate) fn published(&self, generation: Generation) {
        self.published_generation.set(generation.0 as f64);
    }
    pub(crate) fn unsettled(&self, deployments: usize) {
        self.in_progress.set(deployments as i64);
    }
    pub(crate) fn registered(&self) {
        self.registered.inc();
    }
    pub(crate) fn deployed(&self) {
        self.deployed.inc();
    }
    pub(crate) fn rolled_back(&self, took: Duration) {
        self.rolled_back.with_label_values(&["manual"]).inc();
        self.rollback_seconds.observe(took.as_secs_f64());
    }
    pub(crate) fn settled(&self, deployment: &Deployment, outcome: &Outcome, now_unix_ms: u64) {
        let began = deployment.events.last().map_or(deployment.created_at_unix_ms, |event| event.at_unix_ms);
        self.deployment_seconds.observe(now_unix_ms.saturating_sub(began) as f64 / 1_000.0);
        if matches!(outcome, Outcome::Failed { .. }) {
            self.failed.inc();
        }
    }
    pub(crate) fn request(&self, method: &str, route: &str, status: u16, took: Duration) {
        let labels = [method, route, &status.to_string()];
        self.request_seconds.with_label_values(&labels).observe(took.as_secs_f64());
    }
}
