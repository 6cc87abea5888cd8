//! A node end to end: real sockets, real filters, and a control plane that speaks the real feed.

#![expect(clippy::unwrap_used, clippy::expect_used, reason = "tests may fail loudly")]

mod harness;

mod bodies;
mod changes;
mod filters;
mod protocols;
mod routing;
mod stopping;
mod upstreams;
