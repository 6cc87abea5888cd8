//! Where a filter's log lines and metrics go. The runtime bounds them; the embedder keeps them.

use std::sync::Arc;
use switchyard_contract::{PluginName, TenantId, Version};

/// Who speaks: shared, so that naming costs one pointer.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct FilterId {
    pub tenant: TenantId,
    pub plugin: PluginName,
    pub version: Version,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum LogLevel {
    Trace,
    Debug,
    Info,
    Warn,
    Error,
}

/// Called on the request path: an implementation must neither block nor panic.
pub trait Telemetry: Send + Sync + 'static {
    fn log(&self, from: &Arc<FilterId>, exchange: u64, level: LogLevel, message: &str, fields: &[(String, String)]);
    fn count(&self, from: &Arc<FilterId>, name: &str, labels: &[(String, String)], add: u64);
    fn gauge(&self, from: &Arc<FilterId>, name: &str, labels: &[(String, String)], value: f64);
    fn observe(&self, from: &Arc<FilterId>, name: &str, labels: &[(String, String)], value: f64);
    /// Log lines, metrics or other host calls dropped over a limit.
    fn dropped(&self, from: &Arc<FilterId>, what: &'static str);
}

/// Keeps nothing: for checks of an upload, where nobody reads it.
#[derive(Debug, Default)]
pub struct NoTelemetry;

impl Telemetry for NoTelemetry {
    fn log(&self, _: &Arc<FilterId>, _: u64, _: LogLevel, _: &str, _: &[(String, String)]) {}
    fn count(&self, _: &Arc<FilterId>, _: &str, _: &[(String, String)], _: u64) {}
    fn gauge(&self, _: &Arc<FilterId>, _: &str, _: &[(String, String)], _: f64) {}
    fn observe(&self, _: &Arc<FilterId>, _: &str, _: &[(String, String)], _: f64) {}
    fn dropped(&self, _: &Arc<FilterId>, _: &'static str) {}
}
