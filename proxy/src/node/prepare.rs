//! Makes one tenant's entry ready to serve, off the request path: upstreams, compiled modules,
//! configured filters. What did not change is taken over as it is.

use super::faults::Faults;
use crate::metrics::{FilterMetrics, Metrics};
use crate::tenant::{BindingRoute, TenantRoute};
use crate::upstream::{InvalidUpstream, Upstream, watch};
use pingora::connectors::http::Connector;
use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant, SystemTime};
use switchyard_contract::feed::{Feed, FeedError};
use switchyard_contract::seed::Seed;
use switchyard_contract::snapshot::{Binding, FilterLimits, Isolation, TenantEntry};
use switchyard_contract::split::{Arm as ArmEntry, InvalidSplit};
use switchyard_contract::{Digest, PluginName, TenantId, Version};
use switchyard_runtime::{BindingSpec, LoadError, Module, PrepareError, Prepared, Runtime};
use tokio::sync::Semaphore;
use tokio::task::spawn_blocking;

/// Modules compiled at the same time; each compiles in a process of its own.
const COMPILING_MAX: usize = 2;

/// One version of a filter, ready for one tenant's binding.
pub struct Arm {
    pub prepared: Arc<Prepared>,
    pub metrics: FilterMetrics,
    pub faults: Faults,
    /// `plugin=1.2.0`.
    pub label: String,
    pub since: SystemTime,
}

/// What a prepared filter hangs on. Two arms with equal keys are the same arm.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct ArmKey {
    tenant: TenantId,
    plugin: PluginName,
    version: Version,
    digest: Digest,
    config: Arc<str>,
    isolation: IsolationKey,
    limits: [Option<u64>; 4],
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum IsolationKey {
    Fresh,
    Reused,
}

impl ArmKey {
    pub fn new(tenant: &TenantId, binding: &Binding, arm: &ArmEntry) -> Self {
        let FilterLimits { deadline_ms, memory_bytes_max, host_calls_max, log_lines_max } = &binding.limits;
        Self {
            tenant: tenant.clone(),
            plugin: binding.plugin.clone(),
            version: arm.version.clone(),
            digest: arm.digest,
            config: binding.config.clone(),
            isolation: match binding.isolation {
                Isolation::Fresh => IsolationKey::Fresh,
                Isolation::Reused => IsolationKey::Reused,
            },
            limits: [
                deadline_ms.map(u64::from),
                *memory_bytes_max,
                host_calls_max.map(u64::from),
                log_lines_max.map(u64::from),
            ],
        }
    }
}

/// Why an entry cannot serve.
#[derive(Debug, thiserror::Error)]
pub enum Unprepared {
    #[error("the tenant has no upstream")]
    NoUpstream,
    #[error(transparent)]
    Upstream(#[from] InvalidUpstream),
    #[error("{plugin}: {source}")]
    Split { plugin: PluginName, source: InvalidSplit },
    #[error("{plugin} {version}: {source}")]
    Fetch { plugin: PluginName, version: Version, source: FeedError },
    #[error("{plugin} {version}: {source}")]
    Load { plugin: PluginName, version: Version, source: LoadError },
    #[error("{plugin} {version}: {source}")]
    Prepare { plugin: PluginName, version: Version, source: PrepareError },
    #[error("{plugin} {version}: preparing it panicked; this is a fault of the node")]
    Panicked { plugin: PluginName, version: Version },
}

impl Unprepared {
    /// The binding at fault, where it is one.
    pub fn plugin(&self) -> Option<PluginName> {
        match self {
            Self::NoUpstream | Self::Upstream(_) => None,
            Self::Split { plugin, .. }
            | Self::Fetch { plugin, .. }
            | Self::Load { plugin, .. }
            | Self::Prepare { plugin, .. }
            | Self::Panicked { plugin, .. } => Some(plugin.clone()),
        }
    }
    /// Whether the same entry may be preparable later.
    pub fn is_passing(&self) -> bool {
        matches!(self, Self::Fetch { .. })
    }
}

/// What preparing needs; shared by all jobs.
pub struct Preparer {
    pub runtime: Runtime,
    pub feed: Arc<dyn Feed>,
    pub metrics: Arc<Metrics>,
    pub health_connector: Arc<Connector>,
    pub resolve_every: Duration,
    compiling: Semaphore,
    /// One load of an artifact at a time; who waits finds it cached.
    loading: Mutex<HashMap<Digest, Arc<tokio::sync::Mutex<()>>>>,
}

/// What is there already.
pub struct Known {
    pub previous: Option<Arc<TenantRoute>>,
    /// This tenant's arms: those that serve and those kept warm.
    pub arms: HashMap<ArmKey, Arc<Arm>>,
}

impl Preparer {
    pub fn new(
        runtime: Runtime,
        feed: Arc<dyn Feed>,
        metrics: Arc<Metrics>,
        health_connector: Arc<Connector>,
        resolve_every: Duration,
    ) -> Self {
        let compiling = Semaphore::new(COMPILING_MAX);
        Self { runtime, feed, metrics, health_connector, resolve_every, compiling, loading: Mutex::default() }
    }

    /// The tenant in its new form. Errors: the first thing about it that cannot serve.
    pub async fn tenant(&self, entry: Arc<TenantEntry>, known: Known) -> Result<Arc<TenantRoute>, Unprepared> {
        for binding in &entry.bindings {
            let invalid = |source| Unprepared::Split { plugin: binding.plugin.clone(), source };
            binding.split.check().map_err(invalid)?;
        }
        let upstreams = self.upstreams(&entry, known.previous.as_deref()).await?;
        let mut bindings = Vec::with_capacity(entry.bindings.len());
        for (index, binding) in entry.bindings.iter().enumerate() {
            let mut arms = Vec::with_capacity(binding.split.arms.len());
            for arm in &binding.split.arms {
                let key = ArmKey::new(&entry.id, binding, arm);
                match known.arms.get(&key) {
                    Some(same) => arms.push(same.clone()),
                    None => arms.push(self.arm(&entry.id, binding, arm).await?),
                }
            }
            bindings.push(BindingRoute { index, seed: Seed::new(&entry.id, binding.split.salt), arms });
        }
        let previous = known.previous.as_ref();
        let in_flight = previous.map(|route| route.in_flight.clone()).unwrap_or_default();
        let metrics = previous.map(|route| route.metrics.clone());
        let metrics = metrics.unwrap_or_else(|| Arc::new(self.metrics.tenant(&entry.id)));
        Ok(Arc::new(TenantRoute { entry, upstreams, bindings, in_flight, metrics }))
    }

    async fn upstreams(
        &self,
        entry: &TenantEntry,
        previous: Option<&TenantRoute>,
    ) -> Result<Vec<Arc<Upstream>>, Unprepared> {
        if entry.upstreams.is_empty() {
            return Err(Unprepared::NoUpstream);
        }
        let mut upstreams = Vec::with_capacity(entry.upstreams.len());
        for definition in &entry.upstreams {
            let same = previous.and_then(|route| route.upstreams.iter().find(|old| old.definition == *definition));
            if let Some(same) = same {
                upstreams.push(same.clone());
                continue;
            }
            let upstream = Arc::new(Upstream::new(&entry.id, definition.clone())?);
            if watch::is_needed(&upstream) {
                watch::resolve(&upstream).await;
                let watching = Arc::downgrade(&upstream);
                tokio::spawn(watch::watch(watching, self.health_connector.clone(), self.resolve_every));
            }
            upstreams.push(upstream);
        }
        Ok(upstreams)
    }

    async fn arm(&self, tenant: &TenantId, binding: &Binding, arm: &ArmEntry) -> Result<Arc<Arm>, Unprepared> {
        let (plugin, version) = (binding.plugin.clone(), arm.version.clone());
        let started = Instant::now();
        let module = self.module(binding, arm).await?;
        let spec = BindingSpec {
            tenant: tenant.clone(),
            plugin: plugin.clone(),
            version: version.clone(),
            config: binding.config.clone(),
            isolation: binding.isolation,
            limits: binding.limits.clone(),
        };
        let runtime = self.runtime.clone();
        let prepared = match spawn_blocking(move || runtime.prepare(&module, spec)).await {
            Ok(Ok(prepared)) => prepared,
            Ok(Err(source)) => return Err(Unprepared::Prepare { plugin, version, source }),
            Err(_) => return Err(Unprepared::Panicked { plugin, version }),
        };
        self.metrics.load_duration.observe(started.elapsed().as_secs_f64());
        let metrics = self.metrics.filter(prepared.id());
        let label = format!("{plugin}={version}");
        Ok(Arc::new(Arm { prepared, metrics, faults: Faults::default(), label, since: SystemTime::now() }))
    }

    /// The compiled module: from memory, from the disk cache, or fetched and compiled.
    async fn module(&self, binding: &Binding, arm: &ArmEntry) -> Result<Arc<Module>, Unprepared> {
        let (plugin, version, digest) = (binding.plugin.clone(), arm.version.clone(), arm.digest);
        let one_at_a_time = {
            let mut loading = self.loading.lock().unwrap_or_else(PoisonError::into_inner);
            // Entries nobody waits for any more are of no use.
            loading.retain(|_, lock| Arc::strong_count(lock) > 1);
            loading.entry(digest).or_default().clone()
        };
        let _alone = one_at_a_time.lock().await;
        let runtime = self.runtime.clone();
        match spawn_blocking(move || runtime.cached(digest)).await {
            Ok(Some(module)) => return Ok(module),
            Ok(None) => {}
            Err(_) => return Err(Unprepared::Panicked { plugin, version }),
        }
        let bytes = self.feed.artifact(digest).await.map_err(|source| Unprepared::Fetch {
            plugin: plugin.clone(),
            version: version.clone(),
            source,
        })?;
        // The semaphore is never closed.
        let _permit = self.compiling.acquire().await.ok();
        let runtime = self.runtime.clone();
        match spawn_blocking(move || runtime.load(digest, &bytes)).await {
            Ok(Ok(module)) => Ok(module),
            Ok(Err(source)) => Err(Unprepared::Load { plugin, version, source }),
            Err(_) => Err(Unprepared::Panicked { plugin, version }),
        }
    }
}

/// The arms of a route by what they hang on.
pub fn arms_of(route: &TenantRoute) -> impl Iterator<Item = (ArmKey, &Arc<Arm>)> {
    route.bindings.iter().flat_map(|bound| {
        let binding = route.entry.bindings.get(bound.index);
        let entries = binding.into_iter().flat_map(|binding| binding.split.arms.iter().map(move |arm| (binding, arm)));
        entries.zip(&bound.arms).map(|((binding, entry), arm)| (ArmKey::new(&route.entry.id, binding, entry), arm))
    })
}
