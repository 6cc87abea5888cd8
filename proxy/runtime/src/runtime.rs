//! The process's one filter host.

use crate::fault::{LoadError, PrepareError, StartError};
use crate::module::Module;
use crate::prepared::{BindingSpec, Prepared};
use crate::telemetry::Telemetry;
use std::path::PathBuf;
use std::sync::Arc;
use switchyard_contract::Digest;

/// Limits of a node. A binding can only ask for less.
#[derive(Debug, Clone)]
pub struct RuntimeSettings {
    /// Folder of compiled modules and of the key that authenticates them; mode 0700.
    pub cache_dir: PathBuf,
    /// Compiled modules kept on disk.
    pub cache_bytes_max: u64,
    /// Program and arguments that run `compile::child_main`: the limited process that compiles.
    pub compiler: Vec<String>,
    pub compile_cpu_s_max: u64,
    pub compile_memory_bytes_max: u64,
    pub compile_wall_s_max: u64,
    pub artifact_bytes_max: u64,
    /// For one call of a hook.
    pub deadline_ms: u32,
    /// All memories and tables of one instance.
    pub memory_bytes_max: u64,
    pub host_calls_max: u32,
    pub log_lines_max: u32,
    /// Live instances of the node; less where the machine allows fewer memory mappings.
    pub instances_max: u32,
    /// Imports a filter may use: any of `log`, `metrics`, `clock`, `random`.
    pub grants: Vec<String>,
    /// Reused instances: exchanges until one is replaced.
    pub reused_exchanges_max: u64,
    /// Reused instances: age at which one is replaced.
    pub reused_age_s_max: u64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RuntimeStats {
    pub instances_live: u64,
    pub instances_max: u64,
    pub modules_loaded: u64,
    pub module_cache_hits: u64,
    pub module_cache_misses: u64,
    pub module_cache_evictions: u64,
}

/// Cheap to clone.
#[derive(Clone)]
pub struct Runtime {}

impl Runtime {
    pub fn start(_settings: RuntimeSettings, _telemetry: Arc<dyn Telemetry>) -> Result<Self, StartError> {
        todo!()
    }
    /// From memory or from the disk cache; never compiles.
    pub fn cached(&self, _digest: Digest) -> Option<Arc<Module>> {
        todo!()
    }
    /// Verifies, compiles in the limited process, keeps. Blocks: call it off the request path.
    pub fn load(&self, _expected: Digest, _bytes: &[u8]) -> Result<Arc<Module>, LoadError> {
        todo!()
    }
    /// Instantiates, configures, checks health, warms. Blocks some milliseconds.
    pub fn prepare(&self, _module: &Arc<Module>, _spec: BindingSpec) -> Result<Arc<Prepared>, PrepareError> {
        todo!()
    }
    pub fn stats(&self) -> RuntimeStats {
        todo!()
    }
}
