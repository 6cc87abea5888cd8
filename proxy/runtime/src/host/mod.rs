//! What a filter may ask of the host: one file per capability, each linked under its WIT name.

mod clock;
mod log;
mod metrics;
mod random;

use crate::limits::{DeadlineMeter, Limits, MemoryMeter};
use crate::telemetry::{FilterId, Telemetry};
use std::sync::Arc;
use wasmtime::component::Linker;

/// Every interface of the contract lives in this package at this version.
pub(crate) fn interface_name(capability: &str) -> String {
    format!("switchyard:filter/{capability}@0.1.0")
}

/// What a store carries: who its filter is and what the exchange has used.
pub(crate) struct HostState {
    pub(crate) id: Arc<FilterId>,
    pub(crate) telemetry: Arc<dyn Telemetry>,
    pub(crate) limits: Limits,
    pub(crate) memory: MemoryMeter,
    pub(crate) deadline: DeadlineMeter,
    pub(crate) exchange: u64,
    pub(crate) usage: Usage,
}

/// Used by one exchange. A reused instance swaps it with the exchange.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Usage {
    pub(crate) host_calls: u32,
    pub(crate) log_lines: u32,
}

/// The filter made more host calls than its limit: raised as a trap, told apart by its type.
#[derive(Debug, thiserror::Error)]
#[error("too many host calls")]
pub(crate) struct HostCallsExceeded;

impl HostState {
    pub(crate) fn new(id: Arc<FilterId>, telemetry: Arc<dyn Telemetry>, limits: Limits) -> Self {
        let memory = MemoryMeter::new(limits.memory_bytes_max);
        Self { id, telemetry, limits, memory, deadline: DeadlineMeter::default(), exchange: 0, usage: Usage::default() }
    }

    /// Counts a host call against the exchange.
    fn call(&mut self) -> Result<(), HostCallsExceeded> {
        self.usage.host_calls += 1;
        if self.usage.host_calls > self.limits.host_calls_max { Err(HostCallsExceeded) } else { Ok(()) }
    }
}

/// Links what the node grants; an import of anything else does not link.
pub(crate) fn link(linker: &mut Linker<HostState>, grants: &[String]) -> wasmtime::Result<()> {
    for grant in grants {
        let mut interface = linker.instance(&interface_name(grant))?;
        match grant.as_str() {
            "log" => log::link(&mut interface)?,
            "metrics" => metrics::link(&mut interface)?,
            "clock" => clock::link(&mut interface)?,
            "random" => random::link(&mut interface)?,
            unknown => {
                wasmtime::bail!("there is no capability {unknown:?}; there are {:?}", crate::settings::CAPABILITIES)
            }
        }
    }
    Ok(())
}
