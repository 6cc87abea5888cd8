//! A node without a data plane: follows the feed, refuses what it is told to, acknowledges.

use super::DEADLINE;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use switchyard_contract::feed::Feed;
use switchyard_contract::report::{Acknowledgement, Refusal};
use switchyard_contract::snapshot::{Snapshot, TenantEntry};
use switchyard_contract::{Generation, TenantId};
use tokio::sync::watch;
use tokio::task::JoinHandle;

pub struct Node {
    refused: Arc<Mutex<BTreeMap<TenantId, String>>>,
    snapshots: watch::Receiver<Arc<Snapshot>>,
    task: JoinHandle<()>,
}

impl Node {
    pub fn follow(feed: Arc<dyn Feed>, name: &str) -> Self {
        let refused: Arc<Mutex<BTreeMap<TenantId, String>>> = Arc::default();
        let (seen, snapshots) = watch::channel(Arc::default());
        let (node, refusals) = (name.parse().unwrap(), refused.clone());
        let task = tokio::spawn(async move {
            let mut after = Generation(0);
            while let Ok(snapshot) = feed.next(after).await {
                after = snapshot.generation;
                let refused = refusals.lock().unwrap().clone();
                let refusal = |(tenant, reason)| Refusal { tenant, generation: after, plugin: None, reason };
                let acknowledgement = Acknowledgement {
                    node: Clone::clone(&node),
                    boot_id: 1,
                    generation: after,
                    refused: refused.into_iter().map(refusal).collect(),
                };
                seen.send_replace(snapshot);
                feed.acknowledge(acknowledgement).await.unwrap();
            }
        });
        Self { refused, snapshots, task }
    }

    /// From now on refuses every form of that tenant.
    pub fn refuse(&self, tenant: &str, reason: &str) {
        self.refused.lock().unwrap().insert(tenant.parse().unwrap(), reason.to_owned());
    }
    pub fn accept_all(&self) {
        self.refused.lock().unwrap().clear();
    }
    pub fn snapshot(&self) -> Arc<Snapshot> {
        self.snapshots.borrow().clone()
    }
    pub fn entry(&self, tenant: &str) -> Option<Arc<TenantEntry>> {
        self.snapshot().tenants.iter().find(|entry| entry.id.as_str() == tenant).cloned()
    }
    /// The first snapshot that is as wanted.
    pub async fn until(&mut self, wanted: impl Fn(&Snapshot) -> bool) -> Arc<Snapshot> {
        let reached = self.snapshots.wait_for(|snapshot| wanted(snapshot));
        tokio::time::timeout(DEADLINE, reached).await.expect("the snapshot never came").unwrap().clone()
    }
}

impl Drop for Node {
    fn drop(&mut self) {
        self.task.abort();
    }
}
