//! The process's one filter host: loads artifacts, prepares bindings, counts what lives.

use crate::admission::{Admission, Running};
use crate::analysis;
use crate::cache::{DiskCache, sha256};
use crate::compile::compile;
use crate::engine::{CodeSettings, instances_max};
use crate::fault::{Fault, LoadError, PrepareError, StartError};
use crate::host::{self, HostState};
use crate::instance::LiveInstance;
use crate::limits::Limits;
use crate::module::Module;
use crate::prepared::{BindingSpec, Prepared};
use crate::settings::{RuntimeSettings, RuntimeStats};
use crate::telemetry::{FilterId, NoTelemetry, Telemetry};
use crate::ticker::Ticker;
use parking_lot::Mutex;
use std::collections::HashMap;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Weak};
use switchyard_contract::Digest;
use switchyard_contract::snapshot::FilterLimits;
use wasmtime::Engine;
use wasmtime::component::{Component, Linker};

/// Cheap to clone.
#[derive(Clone)]
pub struct Runtime {
    inner: Arc<Inner>,
}

/// The declaration order is the drop order: the ticker ends when the engine has gone.
pub(crate) struct Inner {
    pub(crate) engine: Engine,
    pub(crate) settings: RuntimeSettings,
    pub(crate) telemetry: Arc<dyn Telemetry>,
    pub(crate) admission: Arc<Admission>,
    pub(crate) disk: DiskCache,
    linker: Linker<HostState>,
    /// Modules in use; they stay for as long as something prepared needs them.
    modules: Mutex<HashMap<Digest, Weak<Module>>>,
    counters: Counters,
    ticker: Ticker,
}

#[derive(Default)]
struct Counters {
    hits: AtomicU64,
    misses: AtomicU64,
    evictions: AtomicU64,
}

impl Inner {
    /// While the value lives, epochs tick.
    pub(crate) fn run(&self) -> Running {
        let running = self.admission.run();
        self.ticker.wake();
        running
    }
}

impl Runtime {
    pub fn start(settings: RuntimeSettings, telemetry: Arc<dyn Telemetry>) -> Result<Self, StartError> {
        let engine_error = |error: wasmtime::Error| StartError::Engine(format!("{error:#}"));
        let slots = instances_max(settings.instances_max);
        let engine = CodeSettings::of(&settings).running_engine(slots).map_err(engine_error)?;
        let disk = DiskCache::open(&settings.cache_dir, compatibility(&engine), settings.cache_bytes_max)?;
        let mut linker = Linker::new(&engine);
        host::link(&mut linker, &settings.grants).map_err(engine_error)?;
        let admission = Arc::new(Admission::new(u64::from(slots)));
        let ticker =
            Ticker::start(&engine, Arc::clone(&admission)).map_err(|error| StartError::Engine(error.to_string()))?;
        let (modules, counters) = (Mutex::default(), Counters::default());
        Ok(Self {
            inner: Arc::new(Inner { engine, settings, telemetry, admission, disk, linker, modules, counters, ticker }),
        })
    }

    /// From memory or from the disk cache; never compiles.
    pub fn cached(&self, digest: Digest) -> Option<Arc<Module>> {
        let module = self.in_memory(digest).or_else(|| {
            let code = self.inner.disk.code(digest)?;
            self.link(digest, &code).ok()
        });
        let counter = if module.is_some() { &self.inner.counters.hits } else { &self.inner.counters.misses };
        counter.fetch_add(1, Ordering::Relaxed);
        module
    }

    /// Verifies, compiles in the limited process, checks, keeps. Blocks for as long as compiling
    /// takes: call it off the request path. Errors: every reason that was found.
    pub fn load(&self, expected: Digest, wasm: &[u8]) -> Result<Arc<Module>, LoadError> {
        if let Some(module) = self.cached(expected) {
            return Ok(module);
        }
        let faults = analysis::faults(&self.inner.settings, wasm);
        if !faults.is_empty() {
            return Err(LoadError::Refused(faults));
        }
        let found = sha256(wasm);
        if found != expected {
            return Err(LoadError::Digest { expected, found });
        }
        let code = compile(&self.inner.settings, wasm)?;
        let module = self.link(expected, &code).map_err(LoadError::Refused)?;
        self.probe(&module)?;
        let evicted =
            self.inner.disk.store(expected, wasm, &code).map_err(|error| LoadError::Cache(error.to_string()))?;
        self.inner.counters.evictions.fetch_add(evicted, Ordering::Relaxed);
        Ok(module)
    }

    /// The wasm of a module that was loaded here before, if the cache still has it.
    pub fn cached_wasm(&self, digest: Digest) -> Option<Vec<u8>> {
        self.inner.disk.wasm(digest)
    }

    /// SHA-256, as artifacts are named.
    pub fn digest(bytes: &[u8]) -> Digest {
        sha256(bytes)
    }

    /// Instantiates, configures, checks health. Blocks some milliseconds.
    pub fn prepare(&self, module: &Arc<Module>, spec: BindingSpec) -> Result<Arc<Prepared>, PrepareError> {
        Prepared::new(&self.inner, module, spec).map(Arc::new)
    }

    pub fn stats(&self) -> RuntimeStats {
        let counters = &self.inner.counters;
        let modules = self.inner.modules.lock();
        RuntimeStats {
            instances_live: self.inner.admission.live(),
            instances_max: self.inner.admission.max(),
            modules_loaded: modules.values().filter(|module| module.strong_count() > 0).count() as u64,
            module_cache_hits: counters.hits.load(Ordering::Relaxed),
            module_cache_misses: counters.misses.load(Ordering::Relaxed),
            module_cache_evictions: counters.evictions.load(Ordering::Relaxed),
        }
    }

    fn in_memory(&self, digest: Digest) -> Option<Arc<Module>> {
        self.inner.modules.lock().get(&digest)?.upgrade()
    }

    fn link(&self, digest: Digest, code: &[u8]) -> Result<Arc<Module>, Vec<String>> {
        #[expect(unsafe_code, reason = "machine code is executed as it is")]
        // SAFETY: `code` was made by our own compiling process from a validated component, and, where
        // it comes from disk, its MAC says that this node stored it for this engine.
        let component = unsafe { Component::deserialize(&self.inner.engine, code) };
        let component = component.map_err(|error| vec![format!("its machine code does not load: {error:#}")])?;
        let module = Arc::new(Module::link(digest, &component, &self.inner.linker)?);
        let mut modules = self.inner.modules.lock();
        modules.retain(|_, module| module.strong_count() > 0);
        if let Some(other) = modules.get(&digest).and_then(Weak::upgrade) {
            return Ok(other);
        }
        modules.insert(digest, Arc::downgrade(&module));
        Ok(module)
    }

    /// One instance, to see that it starts and that its exports have the types of the contract.
    fn probe(&self, module: &Module) -> Result<(), LoadError> {
        let nobody = probe_id().map_err(|error| LoadError::Refused(vec![error]))?;
        let limits = Limits::resolve(&self.inner.settings, &FilterLimits::default());
        let host = HostState::new(nobody, Arc::new(NoTelemetry), limits);
        let _running = self.inner.run();
        let live = LiveInstance::new(&self.inner, module, host, &[], limits.configure_deadline_ms);
        let does_not_start = |fault: Fault| LoadError::Refused(vec![format!("it does not start: {fault}")]);
        live.map_err(does_not_start)?.check_types(module).map_err(LoadError::Refused)
    }
}

/// Who a filter is before it is anyone's.
fn probe_id() -> Result<Arc<FilterId>, String> {
    let id = |error: switchyard_contract::ids::InvalidId| error.to_string();
    let tenant = "probe".parse().map_err(id)?;
    let plugin = "probe".parse().map_err(id)?;
    let version = "0.0.0".parse().map_err(id)?;
    Ok(Arc::new(FilterId { tenant, plugin, version }))
}

/// The types of the exports are checked once, before a module is stored; a host with another
/// contract must check again.
const CONTRACT: &str = include_str!("../../../filters-sdk/wit/filter.wit");

/// Code for another engine or another contract must not be loaded.
fn compatibility(engine: &Engine) -> String {
    let mut hasher = DefaultHasher::new();
    engine.precompile_compatibility_hash().hash(&mut hasher);
    CONTRACT.hash(&mut hasher);
    format!("{:016x}", hasher.finish())
}
