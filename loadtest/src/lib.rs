//! Traffic for Switchyard and its peers, and honest reports of it: an open-loop and a closed-loop load generator
//! ([`load`]) and the three measurements the README quotes.
//!
//! This crate uses nothing of Switchyard's own crates. It starts the binary, talks to the admin API and sends requests,
//! as anybody else would.

pub mod load;
pub mod origin;
mod same_thread;
