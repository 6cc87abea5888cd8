//! The feed inside one process: what is published, and what the nodes said about it.

use crate::artifacts::{ArtifactError, Artifacts};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use switchyard_contract::feed::{Feed, FeedError, FeedFuture};
use switchyard_contract::report::{Acknowledgement, NodeReport};
use switchyard_contract::snapshot::Snapshot;
use switchyard_contract::{Digest, Generation, NodeId};
use tokio::sync::watch;

/// Both ends: the control plane publishes and watches, nodes take it as their `Feed`.
pub struct InProcessFeed {
    published: watch::Sender<Option<Arc<Snapshot>>>,
    nodes: Mutex<BTreeMap<NodeId, NodeState>>,
    /// Ticks when a node acknowledged.
    acknowledged: watch::Sender<u64>,
    artifacts: Arc<dyn Artifacts>,
}

/// The last a node said.
#[derive(Debug, Clone, Default)]
pub struct NodeState {
    pub acknowledgement: Option<Acknowledgement>,
    pub report: Option<NodeReport>,
}

impl InProcessFeed {
    pub fn new(artifacts: Arc<dyn Artifacts>) -> Self {
        let (published, _) = watch::channel(None);
        let (acknowledged, _) = watch::channel(0);
        Self { published, nodes: Mutex::default(), acknowledged, artifacts }
    }

    /// Offers a snapshot. One that is not newer than the last is ignored: generations only grow.
    pub fn publish(&self, snapshot: Arc<Snapshot>) {
        self.published.send_if_modified(|last| {
            let newer = last.as_ref().is_none_or(|last| last.generation < snapshot.generation);
            if newer {
                *last = Some(snapshot);
            }
            newer
        });
    }

    pub fn published_generation(&self) -> Option<Generation> {
        self.published.borrow().as_ref().map(|snapshot| snapshot.generation)
    }

    /// Every node that was heard of since this process started.
    pub fn nodes(&self) -> BTreeMap<NodeId, NodeState> {
        self.lock().clone()
    }

    /// The acknowledgements of all nodes; `None` while one of them, or every node, is still to
    /// answer for that generation or a newer one.
    pub fn acknowledgements(&self, generation: Generation) -> Option<Vec<Acknowledgement>> {
        let nodes = self.lock();
        let reached = |node: &NodeState| node.acknowledgement.clone().filter(|ack| ack.generation >= generation);
        let all: Option<Vec<_>> = nodes.values().map(reached).collect();
        all.filter(|all| !all.is_empty())
    }

    /// Waits for `acknowledgements`, at most that long.
    pub async fn await_acknowledgements(
        &self,
        generation: Generation,
        at_most: Duration,
    ) -> Option<Vec<Acknowledgement>> {
        let mut ticks = self.acknowledged.subscribe();
        let answered = async {
            loop {
                ticks.mark_unchanged();
                if let Some(all) = self.acknowledgements(generation) {
                    return Some(all);
                }
                ticks.changed().await.ok()?;
            }
        };
        tokio::time::timeout(at_most, answered).await.ok().flatten()
    }

    /// A receiver that changes with every acknowledgement.
    pub fn acknowledgement_ticks(&self) -> watch::Receiver<u64> {
        self.acknowledged.subscribe()
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<NodeId, NodeState>> {
        // Nothing in here panics half-way through a change.
        self.nodes.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Feed for InProcessFeed {
    fn next(&self, after: Generation) -> FeedFuture<'_, Arc<Snapshot>> {
        let mut published = self.published.subscribe();
        Box::pin(async move {
            let is_newer = |last: &Option<Arc<Snapshot>>| last.as_ref().is_some_and(|last| last.generation > after);
            let newest = published.wait_for(is_newer).await.map_err(|_| FeedError::Closed)?;
            newest.clone().ok_or(FeedError::Closed)
        })
    }

    fn artifact(&self, digest: Digest) -> FeedFuture<'_, Vec<u8>> {
        Box::pin(async move {
            self.artifacts.read(digest).await.map_err(|error| match error {
                ArtifactError::Missing(digest) => FeedError::NoArtifact(digest),
                other => FeedError::Artifact(digest, other.to_string()),
            })
        })
    }

    fn acknowledge(&self, acknowledgement: Acknowledgement) -> FeedFuture<'_, ()> {
        {
            let mut nodes = self.lock();
            let node = nodes.entry(acknowledgement.node.clone()).or_default();
            // A message that was overtaken says nothing new; a restarted node begins anew.
            let overtaken = node.acknowledgement.as_ref().is_some_and(|last| {
                last.boot_id == acknowledgement.boot_id && last.generation > acknowledgement.generation
            });
            if !overtaken {
                node.acknowledgement = Some(acknowledgement);
            }
        }
        self.acknowledged.send_modify(|ticks| *ticks += 1);
        Box::pin(async { Ok(()) })
    }

    fn report(&self, report: NodeReport) -> FeedFuture<'_, ()> {
        let node = report.node.clone();
        self.lock().entry(node).or_default().report = Some(report);
        Box::pin(async { Ok(()) })
    }
}
