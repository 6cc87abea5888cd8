//! Stopping: no new connections, idle ones closed at once, exchanges in flight finished, and not a
//! moment longer.

use crate::worker::Handle;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// How often the connections are counted.
const POLL: Duration = Duration::from_millis(5);

/// How a stop went.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct StopReport {
    pub took_ms: u64,
    /// Connections that were still busy at the deadline and were closed.
    pub connections_forced: usize,
}

/// Waits until every connection is over, or closes what is left after `timeout`. Listeners are
/// closed and workers told before.
pub async fn wait(workers: &Arc<[Handle]>, timeout: Duration) -> StopReport {
    let started = Instant::now();
    while waiting(workers) && started.elapsed() < timeout {
        tokio::time::sleep(POLL).await;
    }
    let connections_forced = if waiting(workers) { workers.iter().map(Handle::close_all).sum() } else { 0 };
    StopReport { took_ms: u64::try_from(started.elapsed().as_millis()).unwrap_or(u64::MAX), connections_forced }
}

/// Also counts connections a worker has not yet taken up.
fn waiting(workers: &Arc<[Handle]>) -> bool {
    workers.iter().any(|worker| worker.connections() > 0)
}
