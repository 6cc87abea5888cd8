//! The control plane as one thing that is started, asked for its address and its feed, and stopped.

use crate::app::{App, AppError, AppParts};
use crate::artifacts::{ArtifactError, Artifacts, FolderArtifacts};
use crate::feed::InProcessFeed;
use crate::metrics::Metrics;
use crate::store::{SqliteStore, Store, StoreError};
use crate::{first_token, housekeeping, router, server};
use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use switchyard_contract::feed::Feed;
use switchyard_domain::{Environment, World};
use switchyard_runtime::Runtime;
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::JoinHandle;

#[derive(Debug, Clone)]
pub struct AdminSettings {
    /// Where the first admin token is written; made with mode 0700 where it is missing.
    pub data_dir: PathBuf,
    /// Port 0: any free one.
    pub listen: SocketAddr,
    /// The SQLite file.
    pub store: PathBuf,
    /// Folder of the plugin binaries.
    pub artifacts_dir: PathBuf,
    pub artifact_bytes_max: u64,
    pub environment: Environment,
}

impl AdminSettings {
    /// The defaults for a data folder: everything in it, a free port on loopback, Development.
    pub fn new(data_dir: PathBuf) -> Self {
        Self {
            listen: SocketAddr::from(([127, 0, 0, 1], 0)),
            store: data_dir.join("switchyard.db"),
            artifacts_dir: data_dir.join("artifacts"),
            artifact_bytes_max: 100_000_000,
            environment: Environment::Development,
            data_dir,
        }
    }
}

/// Why the control plane did not start.
#[derive(Debug, thiserror::Error)]
pub enum AdminError {
    #[error("the data folder {path} cannot be used: {source}")]
    DataDir { path: String, source: std::io::Error },
    #[error("the admin listener cannot use {address}: {source}")]
    Listen { address: SocketAddr, source: std::io::Error },
    #[error("the admin metrics cannot be registered: {0}")]
    Metrics(#[from] prometheus::Error),
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error(transparent)]
    Artifacts(#[from] ArtifactError),
    #[error("the world in the store cannot be used: {0}")]
    World(#[from] AppError),
    #[error("the first admin token could not be made: {0}")]
    FirstToken(String),
}

/// A running control plane. Dropping it stops it without waiting; `stop` waits.
pub struct Admin {
    address: SocketAddr,
    app: App,
    store: Arc<dyn Store>,
    stop: watch::Sender<bool>,
    tasks: Vec<JoinHandle<()>>,
}

impl Admin {
    /// Opens the store, loads and publishes the world, and listens. Ready when it answers.
    pub async fn start(
        settings: AdminSettings,
        runtime: Runtime,
        registry: prometheus::Registry,
    ) -> Result<Self, AdminError> {
        private_folder(&settings.data_dir)?;
        let store: Arc<dyn Store> = Arc::new(SqliteStore::open(&settings.store).await?);
        let artifacts: Arc<dyn Artifacts> =
            Arc::new(FolderArtifacts::open(settings.artifacts_dir, settings.artifact_bytes_max)?);
        let feed = Arc::new(InProcessFeed::new(artifacts.clone()));
        let app = App::load(AppParts {
            store: store.clone(),
            artifacts: artifacts.clone(),
            feed,
            runtime,
            environment: settings.environment,
            metrics: Metrics::register(&registry)?,
        })
        .await?;
        artifacts.sweep(&digests(&app.world())).await?;
        first_token::ensure(&app, &settings.data_dir).await?;
        let listen = |source| AdminError::Listen { address: settings.listen, source };
        let listener = TcpListener::bind(settings.listen).await.map_err(listen)?;
        let address = listener.local_addr().map_err(listen)?;
        let (stop, stopped) = watch::channel(false);
        let router = router::router(app.clone(), settings.artifact_bytes_max);
        let tasks = vec![
            tokio::spawn(server::serve(listener, router, stopped.clone())),
            tokio::spawn(housekeeping::run(app.clone(), stopped)),
        ];
        Ok(Self { address, app, store, stop, tasks })
    }

    /// Where the admin API listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// What a node in this process follows.
    pub fn feed(&self) -> Arc<dyn Feed> {
        self.app.feed().clone()
    }

    /// Takes no more requests, lets running ones finish, closes the store.
    pub async fn stop(mut self) {
        self.stop.send_replace(true);
        for task in std::mem::take(&mut self.tasks) {
            // A task that panicked has ended too.
            let _ = task.await;
        }
        self.app.finish().await;
        self.store.close().await;
    }
}

impl Drop for Admin {
    fn drop(&mut self) {
        self.stop.send_replace(true);
    }
}

fn digests(world: &World) -> BTreeSet<switchyard_contract::Digest> {
    world.plugins().values().flat_map(|plugin| plugin.versions.values()).map(|version| version.digest).collect()
}

fn private_folder(path: &std::path::Path) -> Result<(), AdminError> {
    use std::os::unix::fs::DirBuilderExt;
    let made = std::fs::DirBuilder::new().recursive(true).mode(0o700).create(path);
    made.map_err(|source| AdminError::DataDir { path: path.display().to_string(), source })
}
