//! Time, from the host.

/// Nanoseconds since the Unix epoch.
pub fn now_ns() -> u64 {
    host::now_ns()
}

/// Nanoseconds from an arbitrary start; never goes back.
pub fn monotonic_ns() -> u64 {
    host::monotonic_ns()
}

#[cfg(target_arch = "wasm32")]
use crate::bindings::switchyard::filter::clock as host;

/// An author's unit tests run on the machine's own clock.
#[cfg(not(target_arch = "wasm32"))]
mod host {
    use std::sync::OnceLock;
    use std::time::{Duration, Instant, SystemTime};

    pub(super) fn now_ns() -> u64 {
        saturating(SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default())
    }

    pub(super) fn monotonic_ns() -> u64 {
        static START: OnceLock<Instant> = OnceLock::new();
        saturating(START.get_or_init(Instant::now).elapsed())
    }

    fn saturating(duration: Duration) -> u64 {
        u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
    }
}
