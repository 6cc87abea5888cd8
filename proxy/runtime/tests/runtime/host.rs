//! A runtime for a test, in a folder of its own, and the few words tests are written in.

use http::{HeaderMap, HeaderName, HeaderValue};
use std::sync::Arc;
use switchyard_contract::snapshot::{FilterLimits, Isolation};
use switchyard_runtime::{BindingSpec, Exchange, Module, NoTelemetry, PrepareError, Prepared};
use switchyard_runtime::{RequestHeadInput, ResponseHeadInput, Runtime, RuntimeSettings};

pub struct Host {
    pub runtime: Runtime,
    pub folder: tempfile::TempDir,
}

pub fn settings(folder: &std::path::Path) -> RuntimeSettings {
    let compiler = vec![env!("CARGO_BIN_EXE_switchyard-compile").to_owned()];
    RuntimeSettings { instances_max: 64, ..RuntimeSettings::new(folder.join("modules"), compiler) }
}

pub fn host() -> Host {
    host_with(|_| {})
}

pub fn host_with(change: impl FnOnce(&mut RuntimeSettings)) -> Host {
    let folder = tempfile::tempdir().expect("a folder");
    let mut settings = settings(folder.path());
    change(&mut settings);
    let runtime = Runtime::start(settings, Arc::new(NoTelemetry)).expect("the runtime starts");
    Host { runtime, folder }
}

pub fn spec(tenant: &str) -> BindingSpec {
    BindingSpec {
        tenant: tenant.parse().unwrap(),
        plugin: "guest".parse().unwrap(),
        version: "1.0.0".parse().unwrap(),
        config: "{}".into(),
        isolation: Isolation::Fresh,
        limits: FilterLimits::default(),
    }
}

impl Host {
    pub fn load(&self, wasm: &[u8]) -> Arc<Module> {
        self.runtime.load(Runtime::digest(wasm), wasm).expect("the guest loads")
    }

    pub fn prepare(&self, wasm: &[u8], spec: BindingSpec) -> Result<Arc<Prepared>, PrepareError> {
        self.runtime.prepare(&self.load(wasm), spec)
    }

    /// Prepared for a tenant `acme` with a fresh instance for each exchange.
    pub fn ready(&self, wasm: &[u8]) -> Arc<Prepared> {
        self.prepare(wasm, spec("acme")).expect("the guest prepares")
    }
}

pub fn headers(pairs: &[(&'static str, &'static str)]) -> HeaderMap {
    pairs.iter().map(|(name, value)| (HeaderName::from_static(name), HeaderValue::from_static(value))).collect()
}

/// A request for `/` with these headers.
pub fn request(headers: &HeaderMap) -> RequestHeadInput<'_> {
    RequestHeadInput {
        method: "GET",
        scheme: "http",
        authority: "shop.example",
        path_and_query: "/",
        client_address: "127.0.0.1",
        headers,
    }
}

pub fn response(headers: &HeaderMap) -> ResponseHeadInput<'_> {
    ResponseHeadInput { status: 200, headers }
}

pub fn begin(prepared: &Arc<Prepared>) -> Exchange {
    prepared.begin(1).expect("there is room")
}
