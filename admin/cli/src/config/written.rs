//! The configuration file as it is written: its sections, keys and defaults. `conf/switchyard.toml`
//! shows all of them; a test holds the two equal.

use serde::{Deserialize, Serialize};
use std::path::PathBuf;
use switchyard_contract::NodeId;
use switchyard_proxy::EdgeSettings;
use switchyard_runtime::RuntimeSettings;

const NODE_NAME: &str = "node-1";

#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Written {
    pub node: Node,
    pub edge: Edge,
    pub admin: Admin,
    pub store: Store,
    pub artifacts: Artifacts,
    pub filters: Filters,
    pub telemetry: Telemetry,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Node {
    pub name: String,
    pub environment: String,
    pub data_dir: PathBuf,
    pub keep_previous: bool,
    pub version_drain_timeout_ms: u64,
    pub report_interval_ms: u64,
}

impl Default for Node {
    fn default() -> Self {
        let edge = edge_defaults();
        Self {
            name: NODE_NAME.to_owned(),
            environment: "Development".to_owned(),
            data_dir: PathBuf::from("data"),
            keep_previous: edge.keep_previous,
            version_drain_timeout_ms: edge.version_drain_timeout_ms,
            report_interval_ms: edge.report_interval_ms,
        }
    }
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Edge {
    pub http: String,
    pub https: String,
    pub certificates: Vec<Certificate>,
    pub certificate_poll_ms: u64,
    pub workers: usize,
    pub connections_max: usize,
    pub header_deadline_ms: u64,
    pub header_bytes_max: usize,
    pub headers_max: usize,
    pub keepalive_s: u64,
    pub body_idle_ms: u64,
    pub drain_timeout_ms: u64,
    pub resolve_interval_ms: u64,
    pub upstream_idle_max: usize,
}

impl Default for Edge {
    fn default() -> Self {
        let edge = edge_defaults();
        Self {
            http: "127.0.0.1:8080".to_owned(),
            https: "127.0.0.1:8443".to_owned(),
            certificates: Vec::new(),
            certificate_poll_ms: edge.certificate_poll_ms,
            workers: edge.workers,
            connections_max: edge.connections_max,
            header_deadline_ms: edge.header_deadline_ms,
            header_bytes_max: edge.header_bytes_max,
            headers_max: edge.headers_max,
            keepalive_s: edge.keepalive_s,
            body_idle_ms: edge.body_idle_ms,
            drain_timeout_ms: edge.drain_timeout_ms,
            resolve_interval_ms: edge.resolve_interval_ms,
            upstream_idle_max: edge.upstream_idle_max,
        }
    }
}

/// PEM files; the host names are those of the certificate.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Certificate {
    pub chain: PathBuf,
    pub key: PathBuf,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Admin {
    pub listen: String,
}

impl Default for Admin {
    fn default() -> Self {
        Self { listen: "127.0.0.1:7070".to_owned() }
    }
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Store {
    pub url: String,
}

impl Default for Store {
    fn default() -> Self {
        Self { url: "sqlite:switchyard.db".to_owned() }
    }
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Artifacts {
    pub url: String,
    pub bytes_max: u64,
}

impl Default for Artifacts {
    fn default() -> Self {
        Self { url: "file:artifacts".to_owned(), bytes_max: 100_000_000 }
    }
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Filters {
    pub deadline_ms: u32,
    pub configure_deadline_ms: u32,
    pub memory_mib_max: u64,
    pub host_calls_max: u32,
    pub log_lines_max: u32,
    pub instances_max: u32,
    pub grants: Vec<String>,
    pub reused_exchanges_max: u64,
    pub reused_age_s_max: u64,
    pub reused_instances_max: u32,
    pub cache_mib_max: u64,
    pub compile_cpu_s_max: u64,
    pub compile_memory_mib_max: u64,
    pub compile_wall_s_max: u64,
}

impl Default for Filters {
    fn default() -> Self {
        let node = RuntimeSettings::new(PathBuf::new(), Vec::new());
        Self {
            deadline_ms: node.deadline_ms,
            configure_deadline_ms: node.configure_deadline_ms,
            memory_mib_max: node.memory_bytes_max >> 20,
            host_calls_max: node.host_calls_max,
            log_lines_max: node.log_lines_max,
            instances_max: node.instances_max,
            grants: node.grants,
            reused_exchanges_max: node.reused_exchanges_max,
            reused_age_s_max: node.reused_age_s_max,
            reused_instances_max: node.reused_instances_max,
            cache_mib_max: node.cache_bytes_max >> 20,
            compile_cpu_s_max: node.compile_cpu_s_max,
            compile_memory_mib_max: node.compile_memory_bytes_max >> 20,
            compile_wall_s_max: node.compile_wall_s_max,
        }
    }
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Telemetry {
    pub log: String,
    pub log_lines_buffered_max: usize,
    pub access_log: String,
    pub metrics_tenants_max: usize,
}

impl Default for Telemetry {
    fn default() -> Self {
        Self {
            log: "info".to_owned(),
            log_lines_buffered_max: 16_384,
            access_log: "stderr".to_owned(),
            metrics_tenants_max: edge_defaults().metrics_tenants_max,
        }
    }
}

/// The parts know their own defaults; only places and addresses are decided here.
fn edge_defaults() -> EdgeSettings {
    EdgeSettings::new(default_node(), PathBuf::new())
}

pub fn default_node() -> NodeId {
    NODE_NAME.parse().expect("the default name is valid")
}
