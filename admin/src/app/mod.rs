//! Load, decide, commit, publish: the only place where anything changes.

mod binding_check;
mod documents;
mod order;
mod settle;
mod write;

pub use order::{Asked, Executed, Order, Reply};

use crate::artifacts::{ArtifactError, Artifacts};
use crate::feed::InProcessFeed;
use crate::metrics::Metrics;
use crate::store::{Store, StoreError};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::{SystemTime, UNIX_EPOCH};
use switchyard_domain::check::Finding;
use switchyard_domain::{Environment, Refusal, UnixMs, World};
use switchyard_runtime::Runtime;
use tokio::sync::{Semaphore, SemaphorePermit};
use write::Writer;

/// Uploads examined at the same time.
const EXAMINATIONS_MAX: usize = 2;

/// Why a command was not carried out.
#[derive(Debug, thiserror::Error)]
pub enum AppError {
    #[error(transparent)]
    Refused(#[from] Refusal),
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error(transparent)]
    Artifact(#[from] ArtifactError),
    #[error("Idempotency-Key {0:?} was used for another request: use a new key for a new request")]
    KeyReused(String),
    /// The rules have a hole. Nothing was committed.
    #[error("the change would break an invariant and was not made: {}", join(.0))]
    Unsound(Vec<Finding>),
    #[error("the command was not carried out to its end; the log says more")]
    Panicked,
    #[error("the control plane is stopping")]
    Stopping,
}

fn join(findings: &[Finding]) -> String {
    findings.iter().map(Finding::to_string).collect::<Vec<_>>().join("; ")
}

/// What the control plane is made of. Cheap to clone.
#[derive(Clone)]
pub struct App(Arc<Parts>);

struct Parts {
    store: Arc<dyn Store>,
    artifacts: Arc<dyn Artifacts>,
    feed: Arc<InProcessFeed>,
    runtime: Runtime,
    environment: Environment,
    metrics: Metrics,
    /// What readers see: the newest committed world.
    world: RwLock<Arc<World>>,
    /// Uploads are read into memory and compiled: few at once.
    examinations: Semaphore,
    /// One writer at a time decides and commits.
    writer: tokio::sync::Mutex<Writer>,
}

/// What an `App` is put together from.
pub struct AppParts {
    pub store: Arc<dyn Store>,
    pub artifacts: Arc<dyn Artifacts>,
    pub feed: Arc<InProcessFeed>,
    pub runtime: Runtime,
    pub environment: Environment,
    pub metrics: Metrics,
}

impl App {
    /// Loads the world from the store and publishes it.
    pub async fn load(parts: AppParts) -> Result<Self, AppError> {
        let AppParts { store, artifacts, feed, runtime, environment, metrics } = parts;
        let world = Arc::new(write::load(store.as_ref()).await?);
        let writer = tokio::sync::Mutex::new(Writer::default());
        let world = RwLock::new(world);
        let examinations = Semaphore::new(EXAMINATIONS_MAX);
        let parts = Parts { store, artifacts, feed, runtime, environment, metrics, world, examinations, writer };
        let app = Self(Arc::new(parts));
        app.publish_loaded().await;
        Ok(app)
    }

    /// The newest committed world.
    pub fn world(&self) -> Arc<World> {
        self.0.world.read().unwrap_or_else(PoisonError::into_inner).clone()
    }
    pub fn store(&self) -> &dyn Store {
        self.0.store.as_ref()
    }
    pub fn artifacts(&self) -> &dyn Artifacts {
        self.0.artifacts.as_ref()
    }
    pub fn feed(&self) -> &Arc<InProcessFeed> {
        &self.0.feed
    }
    pub fn runtime(&self) -> &Runtime {
        &self.0.runtime
    }
    /// Held while an upload is examined; waits for its turn.
    pub async fn examination(&self) -> Result<SemaphorePermit<'_>, AppError> {
        self.0.examinations.acquire().await.map_err(|_| AppError::Stopping)
    }
    pub fn environment(&self) -> Environment {
        self.0.environment
    }
    pub fn metrics(&self) -> &Metrics {
        &self.0.metrics
    }
}

pub fn now_unix_ms() -> UnixMs {
    // A clock before 1970 is a clock that was never set.
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_millis() as u64)
}
