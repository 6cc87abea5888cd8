//! The control plane against real parts: a real SQLite file, a real listener, real filters. Nodes
//! are tasks that follow the feed and answer what the test tells them to.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "tests may fail loudly"
)]

mod artifacts;
mod audit;
mod auth;
mod deployments;
mod durability;
mod explain;
mod harness;
mod health;
mod idempotency;
mod nodes;
mod plugins;
mod routes;
mod store_conformance;
mod tenant_plugins;
mod tenants;
mod uploads;
