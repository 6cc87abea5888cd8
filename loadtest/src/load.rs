//! The load generator: a [`Scenario`] says what to send, [`run`] sends it at one address and returns what came of it.
//!
//! Open loop: requests are due at a constant rate whatever the server does, and latency counts from the moment a request
//! was due. A server that stalls for a second is charged for every request that should have been sent in that second.
//! Closed loop: every connection sends its next request when the last one is answered; the measure of capacity and of
//! CPU per request, not of latency as users see it.
//!
//! Everything happens on the calling thread (plus one pacing thread in the open loop), so pinning that thread pins it all.

mod lane;
mod link;
mod pace;
mod scenario;
mod tally;

pub use scenario::{Load, Protocol, Scenario, ScenarioError};
pub use tally::{Failure, Outcome, Summary, Tally};

use lane::{Lane, Shared};
use link::Link;
use pace::Pace;
use std::net::SocketAddr;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

/// Ends a run early from anywhere; what was measured so far is reported.
#[derive(Debug, Clone, Default)]
pub struct Stop(Arc<AtomicBool>);

impl Stop {
    pub fn now(&self) {
        self.0.store(true, Ordering::Relaxed);
    }

    pub fn is_set(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }
}

/// Sends the scenario's load to `address` and waits for the last answer, at most the scenario's duration plus one
/// request's timeout. Fails only where no runtime can be built.
pub fn run(scenario: &Scenario, address: SocketAddr, stop: &Stop) -> std::io::Result<Outcome> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let local = tokio::task::LocalSet::new();
    Ok(runtime.block_on(local.run_until(drive(scenario, address, stop))))
}

async fn drive(scenario: &Scenario, address: SocketAddr, stop: &Stop) -> Outcome {
    let connections = scenario.load.connections;
    let lanes_each = scenario.load.lanes_per_connection(scenario.protocol);
    let started = Instant::now();
    let pace = Pace::start(&scenario.load, scenario.duration, connections * lanes_each, started, stop);
    let shared = Rc::new(Shared::new(scenario, pace, started));
    let mut lanes = tokio::task::JoinSet::new();
    for _ in 0..connections {
        let link = Rc::new(Link::new(address, scenario.protocol));
        for _ in 0..lanes_each {
            lanes.spawn_local(Lane::new(Rc::clone(&shared), Rc::clone(&link)).drive());
        }
    }
    while lanes.join_next().await.is_some() {}
    shared.finish()
}
