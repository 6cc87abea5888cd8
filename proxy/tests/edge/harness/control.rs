//! A control plane in memory: publishes snapshots, hands out artifacts, remembers what it is told.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};
use switchyard_contract::feed::{Feed, FeedError, FeedFuture};
use switchyard_contract::report::{Acknowledgement, NodeReport};
use switchyard_contract::snapshot::{Snapshot, TenantEntry};
use switchyard_contract::{Digest, Generation};
use tokio::sync::watch;

pub struct Control {
    snapshot: watch::Sender<Arc<Snapshot>>,
    artifacts: Mutex<HashMap<Digest, Vec<u8>>>,
    pub acknowledged: watch::Sender<Vec<Acknowledgement>>,
    pub reports: Mutex<Vec<NodeReport>>,
    /// Answers nothing.
    pub absent: AtomicBool,
}

impl Default for Control {
    fn default() -> Self {
        Self {
            snapshot: watch::channel(Arc::default()).0,
            artifacts: Mutex::default(),
            acknowledged: watch::channel(Vec::new()).0,
            reports: Mutex::default(),
            absent: AtomicBool::new(false),
        }
    }
}

pub fn digest(bytes: &[u8]) -> Digest {
    let hash = ring::digest::digest(&ring::digest::SHA256, bytes);
    Digest::from_bytes(hash.as_ref().try_into().unwrap())
}

impl Control {
    pub fn store(&self, bytes: &[u8]) -> Digest {
        let digest = digest(bytes);
        self.artifacts.lock().unwrap().insert(digest, bytes.to_vec());
        digest
    }
    pub fn forget_artifacts(&self) {
        self.artifacts.lock().unwrap().clear();
    }
    pub fn generation(&self) -> Generation {
        self.snapshot.borrow().generation
    }
    /// The next generation holds exactly these tenants.
    pub fn publish(&self, tenants: Vec<TenantEntry>) -> Generation {
        let generation = Generation(self.generation().0 + 1);
        self.publish_as(generation, tenants);
        generation
    }
    pub fn publish_as(&self, generation: Generation, tenants: Vec<TenantEntry>) {
        let tenants = tenants.into_iter().map(Arc::new).collect();
        self.snapshot.send_replace(Arc::new(Snapshot { generation, tenants }));
    }
    /// What became of a generation.
    pub async fn answer(&self, generation: Generation) -> Acknowledgement {
        let find = |all: &Vec<Acknowledgement>| all.iter().find(|one| one.generation >= generation).cloned();
        let mut acknowledged = self.acknowledged.subscribe();
        let waiting = acknowledged.wait_for(|all| find(all).is_some());
        let all = tokio::time::timeout(super::PATIENCE, waiting).await.expect("no acknowledgement").unwrap();
        find(&all).unwrap()
    }
}

impl Feed for Control {
    fn next(&self, after: Generation) -> FeedFuture<'_, Arc<Snapshot>> {
        Box::pin(async move {
            if self.absent.load(Ordering::Relaxed) {
                return Err(FeedError::Unreachable("switched off by the test".into()));
            }
            let mut snapshot = self.snapshot.subscribe();
            let newer = snapshot.wait_for(|snapshot| snapshot.generation > after).await;
            Ok(newer.map_err(|_| FeedError::Closed)?.clone())
        })
    }
    fn artifact(&self, digest: Digest) -> FeedFuture<'_, Vec<u8>> {
        Box::pin(async move {
            if self.absent.load(Ordering::Relaxed) {
                return Err(FeedError::Unreachable("switched off by the test".into()));
            }
            self.artifacts.lock().unwrap().get(&digest).cloned().ok_or(FeedError::NoArtifact(digest))
        })
    }
    fn acknowledge(&self, acknowledgement: Acknowledgement) -> FeedFuture<'_, ()> {
        Box::pin(async move {
            self.acknowledged.send_modify(|all| all.push(acknowledgement));
            Ok(())
        })
    }
    fn report(&self, report: NodeReport) -> FeedFuture<'_, ()> {
        Box::pin(async move {
            self.reports.lock().unwrap().push(report);
            Ok(())
        })
    }
}
