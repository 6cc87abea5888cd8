//! A filter configured for one (tenant, plugin, version, configuration).

use crate::exchange::Exchange;
use crate::fault::Fault;
use crate::module::Module;
use crate::telemetry::FilterId;
use std::sync::Arc;
use switchyard_contract::snapshot::{FilterLimits, Isolation};
use switchyard_contract::{PluginName, TenantId, Version};

/// What a binding asks for.
#[derive(Debug, Clone)]
pub struct BindingSpec {
    pub tenant: TenantId,
    pub plugin: PluginName,
    pub version: Version,
    pub config: Arc<str>,
    pub isolation: Isolation,
    pub limits: FilterLimits,
}

/// Which hooks the filter wants called at all. `on_request` is always called.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Plan {
    pub request_body: bool,
    pub response_headers: bool,
    pub response_body: bool,
}

pub struct Prepared {
    id: Arc<FilterId>,
    module: Arc<Module>,
    plan: Plan,
}

impl Prepared {
    pub fn id(&self) -> &Arc<FilterId> {
        &self.id
    }
    pub fn module(&self) -> &Arc<Module> {
        &self.module
    }
    pub fn plan(&self) -> Plan {
        self.plan
    }
    /// One more request. Cheap; the instance lives until the `Exchange` is dropped.
    /// `exchange` is the request's id for log lines. Errors: `Fault::Exhausted`, or what `start` did.
    pub fn begin(self: &Arc<Self>, _exchange: u64) -> Result<Exchange, Fault> {
        todo!()
    }
    /// Exchanges begun and not yet dropped.
    pub fn exchanges_in_flight(&self) -> u64 {
        todo!()
    }
    /// Instances of this form that are alive now: those of exchanges and, reused, the idle ones.
    pub fn instances_live(&self) -> u64 {
        todo!()
    }
}
