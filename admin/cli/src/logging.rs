//! Logs: JSON lines on stderr, written by a thread of their own. A full buffer drops lines and
//! counts them; nothing on the request path ever waits for a log.

use tracing_appender::non_blocking::{NonBlockingBuilder, WorkerGuard};
use tracing_subscriber::EnvFilter;

/// Keeps the writer alive; what is buffered is written when it is dropped.
#[must_use]
pub struct Logging {
    _guard: WorkerGuard,
}

/// Installs the process's subscriber. `filter` was checked when the configuration was read.
pub fn start(filter: EnvFilter, lines_buffered_max: usize) -> Logging {
    let (writer, guard) = NonBlockingBuilder::default()
        .lossy(true)
        .buffered_lines_limit(lines_buffered_max)
        .thread_name("log")
        .finish(std::io::stderr());
    let subscriber = tracing_subscriber::fmt()
        .json()
        .flatten_event(true)
        .with_current_span(false)
        .with_span_list(false)
        .with_env_filter(filter)
        .with_writer(writer)
        .finish();
    // A second installation can only happen in tests; the first one keeps working.
    _ = tracing::subscriber::set_global_default(subscriber);
    Logging { _guard: guard }
}
