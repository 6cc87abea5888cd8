//! The words tests are written in: `origin()`, `node()`, `tenant()`, `Client`.

pub mod client;
pub mod control;
pub mod node;
pub mod origin;
pub mod tenant;

pub use client::{Client, raw};
pub use node::{Node, node};
pub use origin::{Origin, origin};
pub use tenant::{filter, tenant};

use std::time::{Duration, Instant};

/// How long anything may take that is bound to happen.
pub const PATIENCE: Duration = Duration::from_secs(20);

/// Polls until it holds.
pub async fn eventually(what: &str, mut holds: impl FnMut() -> bool) {
    let started = Instant::now();
    while !holds() {
        assert!(started.elapsed() < PATIENCE, "{what} did not happen");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}
