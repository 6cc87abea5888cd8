//! A running node with a control plane of its own.

use super::control::Control;
use prometheus::Registry;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use switchyard_contract::report::{Acknowledgement, SwapReceipt};
use switchyard_contract::snapshot::TenantEntry;
use switchyard_proxy::{Edge, EdgeError, EdgeSettings, ProxyTelemetry};
use switchyard_runtime::{Runtime, RuntimeSettings};
use tempfile::TempDir;

pub struct Node {
    pub edge: Edge,
    pub control: Arc<Control>,
    pub registry: Registry,
    pub data: Arc<TempDir>,
    pub runtime: Runtime,
}

pub struct NodeBuilder {
    settings: EdgeSettings,
    runtime: RuntimeSettings,
    control: Arc<Control>,
    data: Arc<TempDir>,
}

pub fn node() -> NodeBuilder {
    let data = Arc::new(tempfile::tempdir().unwrap());
    let mut settings = EdgeSettings::new("node-1".parse().unwrap(), data.path().join("data"));
    settings.http = Some(local());
    settings.workers = 2;
    settings.report_interval_ms = 50;
    // Compiled once for all tests and runs; what is in it is checked by digest and key.
    let cache = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("modules");
    let mut runtime = RuntimeSettings::new(cache, vec![env!("CARGO_BIN_EXE_switchyard-proxy-compile").into()]);
    runtime.instances_max = 200;
    // Generous: the machine is busy with other tests, and only some tests are about deadlines.
    runtime.deadline_ms = 2_000;
    runtime.configure_deadline_ms = 10_000;
    NodeBuilder { settings, runtime, control: Arc::default(), data }
}

pub fn local() -> SocketAddr {
    "127.0.0.1:0".parse().unwrap()
}

impl NodeBuilder {
    pub fn settings(mut self, change: impl FnOnce(&mut EdgeSettings)) -> Self {
        change(&mut self.settings);
        self
    }
    pub fn runtime(mut self, change: impl FnOnce(&mut RuntimeSettings)) -> Self {
        change(&mut self.runtime);
        self
    }
    pub fn control(mut self, control: Arc<Control>) -> Self {
        self.control = control;
        self
    }
    /// Takes over the folder of a node that has stopped.
    pub fn data(mut self, data: Arc<TempDir>) -> Self {
        self.settings.data_dir = data.path().join("data");
        self.data = data;
        self
    }
    pub fn start(self) -> Node {
        self.try_start().unwrap()
    }
    pub fn try_start(self) -> Result<Node, EdgeError> {
        let registry = Registry::new();
        let telemetry = Arc::new(ProxyTelemetry::new(&registry).unwrap());
        let runtime = Runtime::start(self.runtime, telemetry).unwrap();
        let edge = Edge::start(self.settings, runtime.clone(), self.control.clone(), &registry)?;
        Ok(Node { edge, control: self.control, registry, data: self.data, runtime })
    }
    pub async fn serving(self, tenants: Vec<TenantEntry>) -> Node {
        let node = self.start();
        let answer = node.apply(tenants).await;
        assert_eq!(answer.refused, []);
        node
    }
}

impl Node {
    pub fn http(&self) -> SocketAddr {
        self.edge.http_address().unwrap()
    }
    pub fn https(&self) -> SocketAddr {
        self.edge.https_address().unwrap()
    }
    /// Publishes these tenants and waits for the node's answer.
    pub async fn apply(&self, tenants: Vec<TenantEntry>) -> Acknowledgement {
        let generation = self.control.publish(tenants);
        self.control.answer(generation).await
    }
    pub fn metrics(&self) -> String {
        prometheus::TextEncoder::new().encode_to_string(&self.registry.gather()).unwrap()
    }
    pub fn receipts(&self, version: &str) -> Vec<SwapReceipt> {
        let receipts = self.edge.status().receipts;
        receipts.into_iter().filter(|receipt| receipt.version.as_str() == version).collect()
    }
}
