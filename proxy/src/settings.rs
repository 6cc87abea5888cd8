//! What the embedder decides about a node, as used: parsed, checked, with units in the names.

use std::net::SocketAddr;
use std::path::PathBuf;
use switchyard_contract::NodeId;

/// Where a certificate chain and its key are read from, both PEM.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CertificateFiles {
    pub chain: PathBuf,
    pub key: PathBuf,
}

/// Where the access log goes: one JSON object a line.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum AccessLog {
    #[default]
    Off,
    Stderr,
    File(PathBuf),
}

/// A node's limits and places. Times are milliseconds unless the name says otherwise.
#[derive(Debug, Clone)]
pub struct EdgeSettings {
    pub node: NodeId,
    /// Clear text; port 0 lets the system choose, `Edge::http_address` tells which.
    pub http: Option<SocketAddr>,
    /// TLS. Needs at least one certificate.
    pub https: Option<SocketAddr>,
    /// The first one also serves clients that name no host or an unknown one.
    pub certificates: Vec<CertificateFiles>,
    /// How often certificate files are compared with what is loaded.
    pub certificate_poll_ms: u64,
    /// Threads that serve requests; 0 takes the number of cores.
    pub workers: usize,
    /// Open client connections; more are closed at once after accepting.
    pub connections_max: usize,
    /// From the first byte a connection may send until its request head is complete. A connection
    /// kept alive may also stay quiet for `keepalive_s` before.
    pub header_deadline_ms: u64,
    /// Raw bytes of an HTTP/1 request head.
    pub header_bytes_max: usize,
    /// Header lines of a request.
    pub headers_max: usize,
    /// How long an idle client connection is kept.
    pub keepalive_s: u64,
    /// Between two reads of a request body, and between two writes of a response.
    pub body_idle_ms: u64,
    /// How long `Edge::stop` waits for exchanges in flight before it closes what is left.
    pub drain_timeout_ms: u64,
    /// How long a replaced filter version may finish its exchanges before its receipt says forced.
    pub version_drain_timeout_ms: u64,
    /// Keep the replaced versions of the last change prepared, so that a rollback needs no work.
    pub keep_previous: bool,
    pub access_log: AccessLog,
    /// Tenants with metric series of their own; the others share `tenant="_other"`.
    pub metrics_tenants_max: usize,
    /// Folder of `last_good.json`; created if missing.
    pub data_dir: PathBuf,
    /// How often upstream names are resolved again.
    pub resolve_interval_ms: u64,
    /// Idle upstream connections each worker keeps.
    pub upstream_idle_max: usize,
    /// How often the control plane gets a report without being asked.
    pub report_interval_ms: u64,
}

impl EdgeSettings {
    /// The safe defaults; nothing listens until an address is set.
    pub fn new(node: NodeId, data_dir: PathBuf) -> Self {
        Self {
            node,
            http: None,
            https: None,
            certificates: Vec::new(),
            certificate_poll_ms: 5_000,
            workers: 0,
            connections_max: 50_000,
            header_deadline_ms: 10_000,
            header_bytes_max: 32 << 10,
            headers_max: 100,
            keepalive_s: 60,
            body_idle_ms: 60_000,
            drain_timeout_ms: 30_000,
            version_drain_timeout_ms: 30_000,
            keep_previous: true,
            access_log: AccessLog::Off,
            metrics_tenants_max: 1_000,
            data_dir,
            resolve_interval_ms: 10_000,
            upstream_idle_max: 512,
            report_interval_ms: 1_000,
        }
    }
}

impl EdgeSettings {
    /// `workers`, with 0 replaced by the number of cores.
    pub(crate) fn worker_count(&self) -> usize {
        match self.workers {
            0 => std::thread::available_parallelism().map_or(1, usize::from),
            workers => workers,
        }
    }
}
