//! The data plane: takes requests, finds their tenant, lets them through the tenant's filters in
//! the versions chosen for them, and sends them on.
//!
//! `Edge::start` runs a node. It follows a `Feed` of snapshots, prepares each before it swaps to
//! it, and answers for what it could not prepare. The modules are the steps of a request, in the
//! order in which they happen:
//!
//! `listener` -> `guard` -> `session` -> `phases` -> `tenant` -> `version` -> `chain` (-> `relay`)
//! -> `upstream` -> `respond` -> `metrics`, `access_log`. `node` is the way of a change.

#![deny(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]
#![cfg_attr(
    test,
    expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test that cannot go on should say so at once")
)]

mod access_log;
mod certificates;
mod chain;
mod drain;
mod edge;
mod guard;
mod listener;
mod metrics;
mod node;
mod phases;
mod relay;
mod request;
mod respond;
mod session;
mod settings;
mod telemetry;
mod tenant;
mod upstream;
mod version;
mod worker;

pub use certificates::CertificateError;
pub use drain::StopReport;
pub use edge::{Edge, EdgeError};
pub use node::last_good::LastGoodError;
pub use settings::{AccessLog, CertificateFiles, EdgeSettings};
pub use telemetry::ProxyTelemetry;
