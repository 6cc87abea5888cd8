//! What crosses between the control plane and the data plane, and nothing else: ids, the snapshot
//! a node is asked to make true, the feed it travels on, and the report a node gives back.
//!
//! No I/O, no clock, no async runtime. Both planes depend on this crate; it depends on neither.

pub mod feed;
pub mod ids;
pub mod report;
pub mod seed;
pub mod snapshot;
pub mod split;

pub use ids::{Digest, Generation, Host, NodeId, PluginName, TenantId, Version};
