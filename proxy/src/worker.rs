//! A thread that serves connections: a runtime of its own, nothing stolen by other threads, its
//! own upstream connections.
//!
//! Work stealing was measured to cost about 5 % of the CPU of a request; connections are spread at
//! accept time instead, each to the worker with the fewest.

use crate::certificates::Certificates;
use crate::guard::{CONNECTION, Connection, Slots};
use crate::listener::Accepted;
use crate::phases::{Phases, Shared};
use crate::session;
use pingora::apps::HttpServerApp;
use pingora::proxy::{HttpProxy, http_proxy};
use pingora::server::configuration::ServerConf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;
use tokio::sync::{mpsc, watch};

/// How often overdue connections are looked for and log buffers handed over.
const TICK: Duration = Duration::from_millis(500);

/// What a worker serves with.
pub struct Context {
    pub shared: Arc<Shared>,
    pub certificates: Option<Arc<Certificates>>,
    pub stop: watch::Receiver<bool>,
}

/// The accepting side's view of a worker.
#[derive(Clone)]
pub struct Handle {
    queue: mpsc::UnboundedSender<Accepted>,
    connections: Arc<AtomicUsize>,
    slots: Arc<Slots>,
}

impl Handle {
    pub fn connections(&self) -> usize {
        self.connections.load(Ordering::Relaxed)
    }
    /// The queue is bounded by the connection cap, which counts from here on.
    pub fn take(&self, accepted: Accepted) {
        self.connections.fetch_add(1, Ordering::Relaxed);
        // A worker that is gone drops the connection: the node is stopping.
        let _ = self.queue.send(accepted);
    }
    /// Closes what is still open; tells how many connections that were.
    pub fn close_all(&self) -> usize {
        self.slots.close_all()
    }
}

/// Starts the thread. It ends when `finish` turns true.
pub fn start(
    name: String,
    context: Context,
    finish: watch::Receiver<bool>,
) -> std::io::Result<(Handle, JoinHandle<()>)> {
    let (queue, accepted) = mpsc::unbounded_channel();
    let (connections, slots) = (Arc::new(AtomicUsize::new(0)), Arc::new(Slots::default()));
    let handle = Handle { queue, connections: connections.clone(), slots: slots.clone() };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().thread_name(&name).build()?;
    let thread = std::thread::Builder::new().name(name).spawn(move || {
        runtime.block_on(serve(Arc::new(Worker::new(context, connections, slots)), accepted, finish));
    })?;
    Ok((handle, thread))
}

/// One worker's own state.
pub struct Worker {
    pub context: Context,
    pub proxy: Arc<HttpProxy<Phases>>,
    connections: Arc<AtomicUsize>,
    slots: Arc<Slots>,
    next_id: AtomicU64,
}

impl Worker {
    fn new(context: Context, connections: Arc<AtomicUsize>, slots: Arc<Slots>) -> Self {
        let settings = &context.shared.settings;
        let conf = ServerConf {
            threads: 1,
            upstream_keepalive_pool_size: settings.upstream_idle_max,
            ..ServerConf::default()
        };
        let proxy = Arc::new(http_proxy(&Arc::new(conf), Phases(context.shared.clone())));
        Self { context, proxy, connections, slots, next_id: AtomicU64::new(0) }
    }
}

async fn serve(
    worker: Arc<Worker>,
    mut accepted: mpsc::UnboundedReceiver<Accepted>,
    mut finish: watch::Receiver<bool>,
) {
    let mut tick = tokio::time::interval(TICK);
    let mut stop = worker.context.stop.clone();
    let mut stopping = false;
    loop {
        tokio::select! {
            Some(accepted) = accepted.recv() => open(&worker, accepted),
            _ = tick.tick() => {
                worker.slots.sweep();
                if let Some(log) = &worker.context.shared.access_log {
                    log.flush_thread();
                }
            }
            _ = stop.wait_for(|stop| *stop), if !stopping => {
                stopping = true;
                // Wakes the connections that wait for a request, so that they close at once.
                worker.proxy.http_cleanup().await;
            }
            _ = finish.wait_for(|finish| *finish) => break,
        }
    }
    if let Some(log) = &worker.context.shared.access_log {
        log.flush_thread();
    }
}

/// Counts a connection as long as it lives.
struct Open {
    worker: Arc<Worker>,
    id: u64,
}

impl Drop for Open {
    fn drop(&mut self) {
        self.worker.slots.remove(self.id);
        self.worker.connections.fetch_sub(1, Ordering::Relaxed);
        self.worker.context.shared.metrics.connections.dec();
    }
}

fn open(worker: &Arc<Worker>, accepted: Accepted) {
    let id = worker.next_id.fetch_add(1, Ordering::Relaxed);
    let connection = Arc::new(Connection::new(accepted.client, accepted.tls));
    connection.owes(Duration::from_millis(worker.context.shared.settings.header_deadline_ms));
    worker.context.shared.metrics.connections.inc();
    let counted = Open { worker: worker.clone(), id };
    let served = worker.clone();
    let task = tokio::spawn(CONNECTION.scope(connection.clone(), async move {
        let _counted = counted;
        session::serve(served, accepted).await;
    }));
    worker.slots.add(id, connection, task.abort_handle());
    if task.is_finished() {
        worker.slots.remove(id);
    }
}
