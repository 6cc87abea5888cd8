//! A filter configured for one (tenant, plugin, version, configuration): never another's.

use crate::abi::native as abi;
use crate::exchange::Exchange;
use crate::fault::{Fault, PrepareError};
use crate::host::{HostState, Usage};
use crate::instance::{Call, LiveInstance};
use crate::limits::Limits;
use crate::module::Module;
use crate::reused::{Recycling, ReusedPool};
use crate::runtime::Inner;
use crate::telemetry::FilterId;
use http::HeaderName;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;
use switchyard_contract::snapshot::{FilterLimits, Isolation};
use switchyard_contract::{PluginName, TenantId, Version};

const HEADERS_WANTED_MAX: usize = 64;
const PREPARED_BYTES_MAX: usize = 1 << 20;

/// What a binding asks for.
#[derive(Debug, Clone)]
pub struct BindingSpec {
    pub tenant: TenantId,
    pub plugin: PluginName,
    pub version: Version,
    /// JSON, handed to `configure` as it is.
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

/// Which headers of a head the filter is shown.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Wanted {
    Nothing,
    Named(Vec<HeaderName>),
    All,
}

pub struct Prepared {
    id: Arc<FilterId>,
    pub(crate) module: Arc<Module>,
    plan: Plan,
    pub(crate) request_line: bool,
    pub(crate) request_headers: Wanted,
    pub(crate) response_headers: Wanted,
    pub(crate) limits: Limits,
    /// What `start` is given; empty: it is not called.
    start_from: Vec<u8>,
    pool: Option<ReusedPool>,
    exchanges: AtomicU64,
    pub(crate) inner: Arc<Inner>,
}

impl Prepared {
    /// Configures in an instance of its own, checks health in another that starts as requests will.
    pub(crate) fn new(inner: &Arc<Inner>, module: &Arc<Module>, spec: BindingSpec) -> Result<Self, PrepareError> {
        let id = Arc::new(FilterId { tenant: spec.tenant, plugin: spec.plugin, version: spec.version });
        let limits = Limits::resolve(&inner.settings, &spec.limits);
        let configured = configure(inner, module, &id, limits, &spec.config)?;
        let (plan, request_headers, response_headers) = read_plan(&configured.plan).map_err(PrepareError::Plan)?;
        if configured.prepared.len() > PREPARED_BYTES_MAX {
            return Err(PrepareError::Plan(format!("prepared has more than {PREPARED_BYTES_MAX} bytes")));
        }
        let pool = (spec.isolation == Isolation::Reused).then(|| ReusedPool::new(recycling(inner, limits)));
        let prepared = Self {
            id,
            module: Arc::clone(module),
            plan,
            request_line: configured.plan.request_line,
            request_headers,
            response_headers,
            limits,
            start_from: configured.prepared,
            pool,
            exchanges: AtomicU64::new(0),
            inner: Arc::clone(inner),
        };
        prepared.check_health()?;
        Ok(prepared)
    }

    fn check_health(&self) -> Result<(), PrepareError> {
        let deadline_ms = self.limits.configure_deadline_ms;
        let _running = self.inner.run();
        let mut live = LiveInstance::new(&self.inner, &self.module, self.host_state(), &self.start_from, deadline_ms)?;
        let call = Call { hook: "health", index: &self.module.hooks.health, deadline_ms };
        let (healthy,): (Result<(), String>,) = live.call(&self.inner, &self.module, call, ())?;
        healthy.map_err(PrepareError::Health)
    }

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
    pub fn begin(self: &Arc<Self>, exchange: u64) -> Result<Exchange, Fault> {
        let running = self.inner.run();
        match &self.pool {
            None => {
                let mut live = self.instance()?;
                live.enter(exchange, Usage::default());
                Ok(Exchange::fresh(Arc::clone(self), running, live, exchange))
            }
            Some(pool) => {
                let (shared, number) = pool.take(|| self.instance())?;
                Ok(Exchange::shared(Arc::clone(self), running, shared, exchange, number))
            }
        }
    }

    /// Exchanges begun and not yet dropped.
    pub fn exchanges_in_flight(&self) -> u64 {
        self.exchanges.load(Ordering::Acquire)
    }

    /// Instances of this form that are alive: those of exchanges or, reused, those of the pool.
    pub fn instances_live(&self) -> u64 {
        self.pool.as_ref().map_or_else(|| self.exchanges_in_flight(), ReusedPool::len)
    }

    pub(crate) fn count_begun(&self) {
        self.exchanges.fetch_add(1, Ordering::AcqRel);
    }

    pub(crate) fn count_ended(&self) {
        self.exchanges.fetch_sub(1, Ordering::AcqRel);
    }

    fn instance(&self) -> Result<LiveInstance, Fault> {
        LiveInstance::new(&self.inner, &self.module, self.host_state(), &self.start_from, self.limits.deadline_ms)
    }

    fn host_state(&self) -> HostState {
        HostState::new(Arc::clone(&self.id), Arc::clone(&self.inner.telemetry), self.limits)
    }
}

fn configure(
    inner: &Arc<Inner>,
    module: &Module,
    id: &Arc<FilterId>,
    limits: Limits,
    config: &str,
) -> Result<abi::Configured, PrepareError> {
    let host = HostState::new(Arc::clone(id), Arc::clone(&inner.telemetry), limits);
    let deadline_ms = limits.configure_deadline_ms;
    let _running = inner.run();
    let mut live = LiveInstance::new(inner, module, host, &[], deadline_ms)?;
    let call = Call { hook: "configure", index: &module.hooks.configure, deadline_ms };
    let (configured,): (Result<abi::Configured, String>,) = live.call(inner, module, call, (config,))?;
    configured.map_err(PrepareError::Configure)
}

fn recycling(inner: &Inner, limits: Limits) -> Recycling {
    Recycling {
        instances_max: inner.settings.reused_instances_max.max(1) as usize,
        exchanges_max: inner.settings.reused_exchanges_max.max(1),
        age_max: Duration::from_secs(inner.settings.reused_age_s_max),
        memory_bytes_high: limits.memory_bytes_max / 4 * 3,
    }
}

fn read_plan(plan: &abi::Plan) -> Result<(Plan, Wanted, Wanted), String> {
    let asks = |phase| plan.phases.contains(&phase);
    for (phase, name) in [(abi::Phase::Trailers, "trailers"), (abi::Phase::Finished, "finished")] {
        if asks(phase) {
            return Err(format!("it asks for the phase {name:?}, which this version of the host does not call"));
        }
    }
    let phases = Plan {
        request_body: asks(abi::Phase::RequestBody),
        response_headers: asks(abi::Phase::ResponseHeaders) || asks(abi::Phase::ResponseBody),
        response_body: asks(abi::Phase::ResponseBody),
    };
    Ok((phases, wanted(&plan.request_headers)?, wanted(&plan.response_headers)?))
}

fn wanted(wanted: &abi::Wanted) -> Result<Wanted, String> {
    Ok(match wanted {
        abi::Wanted::Nothing => Wanted::Nothing,
        abi::Wanted::All => Wanted::All,
        abi::Wanted::Named(names) if names.len() > HEADERS_WANTED_MAX => {
            return Err(format!("it asks for {} headers by name, at most {HEADERS_WANTED_MAX} are taken", names.len()));
        }
        abi::Wanted::Named(names) => {
            let parse = |name: &String| {
                HeaderName::from_bytes(name.as_bytes())
                    .map_err(|_| format!("it asks for {name:?}, which is no header name"))
            };
            Wanted::Named(names.iter().map(parse).collect::<Result<_, _>>()?)
        }
    })
}
