//! The runtime against real guests: what it promises a filter, and what it holds a filter to.

#![expect(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests may fail loudly")]

mod bounds;
mod decisions;
mod guest;
mod host;
mod loading;
mod reuse;
