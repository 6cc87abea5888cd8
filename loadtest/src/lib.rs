//! Traffic for Switchyard and its peers, and honest reports of it: an open-loop and a closed-loop load generator
//! ([`load`]) and the three measurements the README quotes ([`compare`], [`swap`], [`inflight`]).
//!
//! This crate uses nothing of Switchyard's own crates. It starts the binary, talks to the admin API and sends requests,
//! as anybody else would.

pub mod compare;
pub mod goals;
pub mod inflight;
pub mod load;
pub mod machine;
pub mod origin;
pub mod peer;
pub mod process;
pub mod product;
pub mod report;
mod same_thread;
pub mod stats;
pub mod swap;
