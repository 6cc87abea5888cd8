//! A node: builds the world once, serves until it is stopped.

use crate::access_log::{self, Writer};
use crate::certificates::{CertificateError, Certificates};
use crate::drain::{self, StopReport};
use crate::listener::{self, Bound};
use crate::metrics::Metrics;
use crate::node::feed::Node;
use crate::node::last_good::{self, LastGoodError};
use crate::node::prepare::Preparer;
use crate::node::report::{Changing, Status};
use crate::phases::Shared;
use crate::settings::EdgeSettings;
use crate::tenant::Map;
use crate::worker::{self, Context, Handle};
use arc_swap::ArcSwap;
use pingora::connectors::http::Connector;
use prometheus::Registry;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, SystemTime};
use switchyard_contract::feed::Feed;
use switchyard_contract::report::NodeReport;
use switchyard_runtime::Runtime;
use tokio::sync::{oneshot, watch};

/// Threads that compile, configure and write; the control thread itself never blocks.
const PREPARING_MAX: usize = 8;

/// Why a node did not start.
#[derive(Debug, thiserror::Error)]
pub enum EdgeError {
    #[error("{address} cannot be listened on: {source}")]
    Bind { address: SocketAddr, source: std::io::Error },
    #[error(transparent)]
    Certificate(#[from] CertificateError),
    #[error("the data folder {path} cannot be used: {source}")]
    DataDir { path: PathBuf, source: std::io::Error },
    #[error(transparent)]
    LastGood(#[from] LastGoodError),
    #[error("the access log cannot be opened: {0}")]
    AccessLog(std::io::Error),
    #[error("the metrics cannot be registered: {0}")]
    Metrics(#[from] prometheus::Error),
    #[error("a thread cannot be started: {0}")]
    Thread(std::io::Error),
}

/// A running node. Dropping it stops it without waiting for anything.
pub struct Edge {
    status: Arc<Status>,
    certificates: Option<Arc<Certificates>>,
    http: Option<SocketAddr>,
    https: Option<SocketAddr>,
    workers: Arc<[Handle]>,
    stop: watch::Sender<bool>,
    finish: watch::Sender<bool>,
    threads: Mutex<Vec<JoinHandle<()>>>,
    log_writer: Mutex<Option<Writer>>,
    accepting: Mutex<Option<oneshot::Receiver<()>>>,
}

/// The runtime of the control thread. Until it is there, an error may drop it on a thread that
/// belongs to another runtime, where waiting for it would panic.
struct Control(Option<tokio::runtime::Runtime>);

impl Drop for Control {
    fn drop(&mut self) {
        if let Some(runtime) = self.0.take() {
            runtime.shutdown_background();
        }
    }
}

impl Edge {
    /// Binds, starts the threads and follows the feed. Requests are answered with 404 until the
    /// first snapshot is there, see `ready`. With a last good snapshot on disk that is at once,
    /// control plane or not.
    pub fn start(
        settings: EdgeSettings,
        runtime: Runtime,
        feed: Arc<dyn Feed>,
        registry: &Registry,
    ) -> Result<Self, EdgeError> {
        // pingora takes the process's default; which one is not left to chance.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let data_dir = |source| EdgeError::DataDir { path: settings.data_dir.clone(), source };
        std::fs::create_dir_all(&settings.data_dir).map_err(data_dir)?;
        let last_good = last_good::read(&settings.data_dir)?;
        let certificates = match settings.https {
            Some(_) => Some(Arc::new(Certificates::load(settings.certificates.clone())?)),
            None => None,
        };
        let control =
            tokio::runtime::Builder::new_current_thread().enable_all().max_blocking_threads(PREPARING_MAX).build();
        let control = Control(Some(control.map_err(EdgeError::Thread)?));
        let bound = bind(&settings, &control)?;
        let metrics = Arc::new(Metrics::new(registry, settings.metrics_tenants_max)?);
        let (access_log, log_writer) =
            access_log::open(&settings.access_log, metrics.clone()).map_err(EdgeError::AccessLog)?.unzip();
        let shared = Arc::new(Shared {
            map: ArcSwap::from_pointee(Map::default()),
            no_tenant: metrics.no_tenant(),
            metrics,
            access_log,
            settings,
        });
        let status = Arc::new(Status {
            shared: shared.clone(),
            runtime: runtime.clone(),
            boot_id: rand::random::<u64>() >> 11,
            started: SystemTime::now(),
            ready: AtomicBool::new(false),
            draining: AtomicBool::new(false),
            changing: Mutex::new(Changing::default()),
        });
        Self::run(shared, status, runtime, feed, certificates, bound, log_writer, last_good, control)
    }

    #[expect(clippy::too_many_arguments, reason = "the parts of the one world, built above")]
    fn run(
        shared: Arc<Shared>,
        status: Arc<Status>,
        runtime: Runtime,
        feed: Arc<dyn Feed>,
        certificates: Option<Arc<Certificates>>,
        bound: Vec<Bound>,
        log_writer: Option<Writer>,
        last_good: Option<switchyard_contract::snapshot::Snapshot>,
        mut control: Control,
    ) -> Result<Self, EdgeError> {
        let (stop, stopping) = watch::channel(false);
        let (finish, finishing) = watch::channel(false);
        let mut threads = Vec::new();
        let mut workers = Vec::new();
        for number in 0..shared.settings.worker_count() {
            let context =
                Context { shared: shared.clone(), certificates: certificates.clone(), stop: stopping.clone() };
            let started = worker::start(format!("edge-{number}"), context, finishing.clone());
            let (handle, thread) = started.map_err(EdgeError::Thread)?;
            workers.push(handle);
            threads.push(thread);
        }
        let workers: Arc<[Handle]> = workers.into();
        let address = |tls| bound.iter().find(|bound| bound.tls == tls).map(|bound| bound.address);
        let (http, https) = (address(false), address(true));
        let (accepted, accepting) = oneshot::channel();
        let resolve_every = Duration::from_millis(shared.settings.resolve_interval_ms);
        let connector = Arc::new(Connector::new(None));
        let preparer = Arc::new(Preparer::new(runtime, feed, shared.metrics.clone(), connector, resolve_every));
        let node = Node::new(status.clone(), preparer);
        let (their_workers, their_certificates) = (workers.clone(), certificates.clone());
        let their_shared = shared.clone();
        let thread = std::thread::Builder::new().name("edge-control".into()).spawn(move || {
            let Some(control) = control.0.take() else { return };
            control.block_on(async move {
                let mut listeners = tokio::task::JoinSet::new();
                for bound in bound {
                    let (workers, metrics) = (their_workers.clone(), their_shared.metrics.clone());
                    let max = their_shared.settings.connections_max;
                    listeners.spawn(listener::accept(bound, workers, max, metrics, stopping.clone()));
                }
                if let Some(certificates) = their_certificates {
                    let every = Duration::from_millis(their_shared.settings.certificate_poll_ms.max(10));
                    tokio::spawn(watch_certificates(certificates, every));
                }
                tokio::spawn(async move {
                    while listeners.join_next().await.is_some() {}
                    let _ = accepted.send(());
                });
                node.run(last_good, finishing).await;
            });
        });
        threads.push(thread.map_err(EdgeError::Thread)?);
        Ok(Self {
            status,
            certificates,
            http,
            https,
            workers,
            stop,
            finish,
            threads: Mutex::new(threads),
            log_writer: Mutex::new(log_writer),
            accepting: Mutex::new(Some(accepting)),
        })
    }

    /// Where clear-text connections are accepted.
    pub fn http_address(&self) -> Option<SocketAddr> {
        self.http
    }
    /// Where TLS connections are accepted.
    pub fn https_address(&self) -> Option<SocketAddr> {
        self.https
    }
    /// Whether a first snapshot serves.
    pub fn ready(&self) -> bool {
        self.status.ready.load(Ordering::Acquire) && !self.status.draining.load(Ordering::Relaxed)
    }
    pub fn status(&self) -> NodeReport {
        self.status.report()
    }

    /// Takes over changed certificate files now. True: there were any. On an error the old ones stay.
    pub fn reload_certificates(&self) -> Result<bool, CertificateError> {
        self.certificates.as_ref().map_or(Ok(false), |certificates| certificates.reload())
    }

    /// Stops accepting, closes idle connections, waits for exchanges in flight up to the configured
    /// time, closes what is left, and ends the threads. A second call reports nothing to do.
    pub async fn stop(&self) -> StopReport {
        self.status.draining.store(true, Ordering::Relaxed);
        let _ = self.stop.send(true);
        let accepting = self.accepting.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(accepting) = accepting {
            // An error says the control thread is gone, and its listeners with it.
            let _ = accepting.await;
        }
        let timeout = Duration::from_millis(self.status.shared.settings.drain_timeout_ms);
        let report = drain::wait(&self.workers, timeout).await;
        let _ = self.finish.send(true);
        let threads = std::mem::take(&mut *self.threads.lock().unwrap_or_else(PoisonError::into_inner));
        let log_writer = self.log_writer.lock().unwrap_or_else(PoisonError::into_inner).take();
        let shared = self.status.shared.clone();
        let joined = tokio::task::spawn_blocking(move || join(threads, &shared, log_writer));
        if joined.await.is_err() {
            tracing::error!("waiting for the node's threads failed");
        }
        tracing::info!(took_ms = report.took_ms, forced = report.connections_forced, "node stopped");
        report
    }
}

fn join(threads: Vec<JoinHandle<()>>, shared: &Shared, log_writer: Option<Writer>) {
    for thread in threads {
        if thread.join().is_err() {
            tracing::error!("a thread of the node had panicked");
        }
    }
    if let (Some(log), Some(writer)) = (&shared.access_log, log_writer) {
        log.close();
        writer.join();
    }
}

impl Drop for Edge {
    fn drop(&mut self) {
        let _ = self.stop.send(true);
        let _ = self.finish.send(true);
        if let Some(log) = &self.status.shared.access_log {
            log.close();
        }
    }
}

fn bind(settings: &EdgeSettings, control: &Control) -> Result<Vec<Bound>, EdgeError> {
    let _entered = control.0.as_ref().map(tokio::runtime::Runtime::enter);
    let wanted = settings.http.map(|address| (address, false)).into_iter();
    let wanted = wanted.chain(settings.https.map(|address| (address, true)));
    wanted
        .map(|(address, tls)| listener::bind(address, tls).map_err(|source| EdgeError::Bind { address, source }))
        .collect()
}

async fn watch_certificates(certificates: Arc<Certificates>, every: Duration) {
    loop {
        tokio::time::sleep(every).await;
        let certificates = certificates.clone();
        match tokio::task::spawn_blocking(move || certificates.reload()).await {
            Ok(Ok(true)) => tracing::info!("certificates reloaded"),
            Ok(Err(error)) => tracing::error!(%error, "certificates not reloaded; the old ones stay"),
            Ok(Ok(false)) | Err(_) => {}
        }
    }
}
