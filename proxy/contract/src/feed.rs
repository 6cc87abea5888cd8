//! How snapshots and artifacts reach a node and how a node answers. In one process the feed is a
//! channel; between processes it will be HTTP/2. The code on both sides is the same.

use crate::ids::{Digest, Generation};
use crate::report::{Acknowledgement, NodeReport};
use crate::snapshot::Snapshot;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

pub type FeedFuture<'a, T> = Pin<Box<dyn Future<Output = Result<T, FeedError>> + Send + 'a>>;

/// Why the control plane could not be asked. The node goes on with what it has and asks again.
#[derive(Debug, Clone, thiserror::Error)]
pub enum FeedError {
    #[error("the control plane has gone")]
    Closed,
    #[error("the control plane could not be reached: {0}")]
    Unreachable(String),
    #[error("the control plane has no artifact {0}")]
    NoArtifact(Digest),
    #[error("artifact {0} could not be read: {1}")]
    Artifact(Digest, String),
}

/// The node's end of the feed.
pub trait Feed: Send + Sync + 'static {
    /// Waits until there is a snapshot newer than `after` and gives the newest.
    fn next(&self, after: Generation) -> FeedFuture<'_, Arc<Snapshot>>;
    /// The bytes of an artifact. The node verifies the digest itself.
    fn artifact(&self, digest: Digest) -> FeedFuture<'_, Vec<u8>>;
    /// Tells what became of a generation. Sending twice is harmless.
    fn acknowledge(&self, acknowledgement: Acknowledgement) -> FeedFuture<'_, ()>;
    /// Tells how the node is, from time to time and after every swap.
    fn report(&self, report: NodeReport) -> FeedFuture<'_, ()>;
}
