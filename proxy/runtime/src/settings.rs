//! Limits of a node, as used. A binding can only ask for less.

use std::path::PathBuf;

#[derive(Debug, Clone)]
pub struct RuntimeSettings {
    /// Folder of compiled modules and of the key that authenticates them; made with mode 0700.
    pub cache_dir: PathBuf,
    /// Compiled modules kept on disk, least recently used first to go.
    pub cache_bytes_max: u64,
    /// Program and arguments that run `compile::child_main`: the limited process that compiles.
    pub compiler: Vec<String>,
    pub compile_cpu_s_max: u64,
    pub compile_memory_bytes_max: u64,
    pub compile_wall_s_max: u64,
    pub artifact_bytes_max: u64,
    /// For one call of a hook.
    pub deadline_ms: u32,
    /// For `configure`, `health` and the start function, which run off the request path.
    pub configure_deadline_ms: u32,
    /// All memories and tables of one instance. Also the address space reserved for each memory.
    pub memory_bytes_max: u64,
    /// Host calls in one exchange.
    pub host_calls_max: u32,
    /// Log lines in one exchange.
    pub log_lines_max: u32,
    /// Live instances of the node; less where the machine allows fewer memory mappings.
    pub instances_max: u32,
    /// Imports a filter may use: any of `log`, `metrics`, `clock`, `random`.
    pub grants: Vec<String>,
    /// Reused instances: exchanges until one is replaced.
    pub reused_exchanges_max: u64,
    /// Reused instances: age at which one is replaced.
    pub reused_age_s_max: u64,
    /// Reused instances of one binding.
    pub reused_instances_max: u32,
}

impl RuntimeSettings {
    /// The defaults of a node. `compiler` names the process that compiles.
    pub fn new(cache_dir: PathBuf, compiler: Vec<String>) -> Self {
        Self {
            cache_dir,
            cache_bytes_max: 2 << 30,
            compiler,
            compile_cpu_s_max: 60,
            compile_memory_bytes_max: 2 << 30,
            compile_wall_s_max: 120,
            artifact_bytes_max: 100_000_000,
            deadline_ms: 5,
            configure_deadline_ms: 500,
            memory_bytes_max: 16 << 20,
            host_calls_max: 1_000,
            log_lines_max: 32,
            instances_max: 30_000,
            grants: CAPABILITIES.iter().map(|name| (*name).to_owned()).collect(),
            reused_exchanges_max: 10_000,
            reused_age_s_max: 3_600,
            reused_instances_max: 16,
        }
    }
}

/// Every capability this host has; each is an interface of the WIT package.
pub const CAPABILITIES: [&str; 4] = ["log", "metrics", "clock", "random"];

/// Numbers of a running node, for its report and its metrics.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RuntimeStats {
    pub instances_live: u64,
    pub instances_max: u64,
    pub modules_loaded: u64,
    pub module_cache_hits: u64,
    pub module_cache_misses: u64,
    pub module_cache_evictions: u64,
}
