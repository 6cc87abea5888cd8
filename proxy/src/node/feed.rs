//! The node's own loop: follows the feed, prepares what changed, swaps, acknowledges.
//!
//! Tenants are prepared side by side and swapped in as they become ready, so a module that takes a
//! minute to compile holds up neither another tenant nor the next generation. A generation is
//! acknowledged when every tenant of it serves its new form or was refused with a reason.

use super::last_good;
use super::prepare::{ArmKey, Known, Preparer, Unprepared, arms_of};
use super::receipt::Retired;
use super::report::Status;
use crate::tenant::{Map, TenantRoute};
use std::collections::HashMap;
use std::sync::atomic::Ordering;
use std::sync::{Arc, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime};
use switchyard_contract::feed::FeedError;
use switchyard_contract::report::{Acknowledgement, Refusal};
use switchyard_contract::snapshot::{Snapshot, TenantEntry};
use switchyard_contract::{Generation, TenantId};
use tokio::sync::watch;
use tokio::task::{AbortHandle, JoinSet};
use tokio::time::{Instant, sleep, sleep_until};

/// Between two swaps while many tenants become ready one by one.
const SWAP_PAUSE: Duration = Duration::from_millis(20);
/// How often old versions are looked at while some drain.
const DRAIN_POLL: Duration = Duration::from_millis(10);
/// After the feed failed; doubled up to `FEED_PAUSE_MAX`.
const FEED_PAUSE: Duration = Duration::from_millis(100);
const FEED_PAUSE_MAX: Duration = Duration::from_secs(5);
/// Before a tenant is tried again whose artifact could not be fetched.
const RETRY_PAUSE: Duration = Duration::from_secs(2);

type Job = (Arc<TenantEntry>, Result<Arc<TenantRoute>, Unprepared>);

/// Everything the loop owns.
pub struct Node {
    pub(super) status: Arc<Status>,
    pub(super) preparer: Arc<Preparer>,
    pub(super) desired: Arc<Snapshot>,
    pub(super) entries: HashMap<TenantId, Arc<TenantEntry>>,
    pub(super) routes: HashMap<TenantId, Arc<TenantRoute>>,
    /// What was replaced last, for a rollback without work.
    pub(super) kept: HashMap<TenantId, Arc<TenantRoute>>,
    pub(super) jobs: JoinSet<Job>,
    pub(super) running: HashMap<TenantId, (Arc<TenantEntry>, AbortHandle)>,
    pub(super) retired: Vec<(Retired, SystemTime)>,
    pub(super) retry_at: Option<Instant>,
    pub(super) acknowledged: Generation,
    /// What the control plane could not be told yet.
    pub(super) untold: Option<Acknowledgement>,
    /// Routes or entries are not what the map was made of.
    pub(super) changed: bool,
    /// Replaced maps some worker may still look at; dropped here, not there.
    pub(super) old_maps: Vec<Arc<Map>>,
    pub(super) last_swap: Instant,
}

impl Node {
    pub fn new(status: Arc<Status>, preparer: Arc<Preparer>) -> Self {
        Self {
            status,
            preparer,
            desired: Arc::default(),
            entries: HashMap::new(),
            routes: HashMap::new(),
            kept: HashMap::new(),
            jobs: JoinSet::new(),
            running: HashMap::new(),
            retired: Vec::new(),
            retry_at: None,
            acknowledged: Generation(0),
            untold: None,
            changed: false,
            old_maps: Vec::new(),
            last_swap: Instant::now(),
        }
    }

    /// Runs until told to stop. `last_good`: what to serve before the control plane is heard.
    pub async fn run(mut self, last_good: Option<Snapshot>, mut stop: watch::Receiver<bool>) {
        if let Some(snapshot) = last_good {
            self.begin(Arc::new(snapshot));
            self.settle().await;
        }
        let feed = self.preparer.feed.clone();
        let (snapshots, mut incoming) = tokio::sync::mpsc::channel(1);
        let after = if self.refused().is_empty() { self.acknowledged } else { Generation(0) };
        let follower = tokio::spawn(async move {
            let (mut after, mut pause) = (after, FEED_PAUSE);
            loop {
                match feed.next(after).await {
                    Ok(snapshot) => {
                        (after, pause) = (snapshot.generation.max(after), FEED_PAUSE);
                        if snapshots.send(snapshot).await.is_err() {
                            return;
                        }
                    }
                    Err(error) => {
                        tracing::debug!(%error, "no snapshot from the control plane");
                        sleep(pause).await;
                        pause = (pause * 2).min(FEED_PAUSE_MAX);
                    }
                }
            }
        });
        let mut report_at = Instant::now();
        let report_every = Duration::from_millis(self.status.shared.settings.report_interval_ms.max(10));
        loop {
            let drain_at = if self.retired.is_empty() { report_at } else { Instant::now() + DRAIN_POLL };
            let wake_at = self.retry_at.into_iter().fold(report_at.min(drain_at), Instant::min);
            tokio::select! {
                _ = stop.wait_for(|stop| *stop) => break,
                Some(snapshot) = incoming.recv() => self.begin(snapshot),
                Some(job) = self.jobs.join_next() => self.finished(job.ok()),
                () = sleep_until(wake_at) => {}
            }
            self.settle().await;
            self.see_off();
            if self.retry_at.is_some_and(|at| Instant::now() >= at) {
                self.retry();
            }
            if Instant::now() >= report_at {
                self.report().await;
                report_at = Instant::now() + report_every;
            }
        }
        follower.abort();
        self.report().await;
    }

    /// Takes a snapshot as what should be. Tenants that did not change need no work.
    fn begin(&mut self, snapshot: Arc<Snapshot>) {
        let again = snapshot.generation == self.desired.generation;
        if again && self.refused().is_empty() {
            return;
        }
        if snapshot.generation < self.desired.generation {
            tracing::warn!(given = %snapshot.generation, have = %self.desired.generation, "an older snapshot is refused");
            return;
        }
        self.changed = true;
        self.entries = snapshot.tenants.iter().map(|entry| (entry.id.clone(), entry.clone())).collect();
        self.desired = snapshot;
        self.acknowledged = self.acknowledged.min(Generation(self.desired.generation.0.saturating_sub(1)));
        let entries = &self.entries;
        self.running.retain(|tenant, (entry, job)| {
            let wanted = entries.get(tenant) == Some(entry);
            if !wanted {
                job.abort();
            }
            wanted
        });
        self.changing().refused.retain(|tenant, _| entries.contains_key(tenant));
        for entry in self.desired.clone().tenants.iter() {
            if self.routes.get(&entry.id).is_some_and(|route| route.entry == *entry) {
                self.changing().refused.remove(&entry.id);
            } else if !self.running.contains_key(&entry.id) {
                self.start(entry.clone());
            }
        }
    }

    fn start(&mut self, entry: Arc<TenantEntry>) {
        let previous = self.routes.get(&entry.id).cloned();
        let mut arms: HashMap<ArmKey, _> = HashMap::new();
        for route in [self.kept.get(&entry.id), previous.as_ref()].into_iter().flatten() {
            arms.extend(arms_of(route).map(|(key, arm)| (key, arm.clone())));
        }
        let (preparer, prepared) = (self.preparer.clone(), entry.clone());
        let job = self.jobs.spawn(async move {
            let result = preparer.tenant(prepared.clone(), Known { previous, arms }).await;
            (prepared, result)
        });
        self.running.insert(entry.id.clone(), (entry, job));
    }

    /// A tenant is ready, or is not going to be. `None`: the job was called off.
    fn finished(&mut self, job: Option<Job>) {
        let Some((entry, result)) = job else { return };
        if self.entries.get(&entry.id) != Some(&entry) {
            return;
        }
        self.running.remove(&entry.id);
        match result {
            Ok(route) => {
                self.changing().refused.remove(&entry.id);
                self.changed = true;
                if let Some(old) = self.routes.insert(entry.id.clone(), route) {
                    self.replaced(old);
                }
            }
            Err(error) => self.refuse(&entry, &error),
        }
    }

    fn refuse(&mut self, entry: &TenantEntry, error: &Unprepared) {
        let generation = self.desired.generation;
        tracing::warn!(tenantId = %entry.id, %generation, %error, "tenant refused; it keeps its previous form");
        let refusal =
            Refusal { tenant: entry.id.clone(), generation, plugin: error.plugin(), reason: error.to_string() };
        self.changing().refused.insert(entry.id.clone(), refusal);
        if error.is_passing() {
            self.retry_at = Some(Instant::now() + RETRY_PAUSE);
        }
    }

    /// Tries the refused tenants again.
    fn retry(&mut self) {
        self.retry_at = None;
        let refused: Vec<TenantId> = self.changing().refused.keys().cloned().collect();
        for tenant in refused {
            if let (Some(entry), false) = (self.entries.get(&tenant).cloned(), self.running.contains_key(&tenant)) {
                self.start(entry);
            }
        }
    }

    /// Swaps what is ready and, when nothing of the generation is missing, acknowledges it.
    async fn settle(&mut self) {
        loop {
            while let Some(job) = self.jobs.try_join_next() {
                self.finished(job.ok());
            }
            if self.jobs.is_empty() || self.last_swap.elapsed() >= SWAP_PAUSE {
                break;
            }
            sleep_until(self.last_swap + SWAP_PAUSE).await;
        }
        let complete = self.running.is_empty();
        self.swap(complete);
        if complete && self.acknowledged < self.desired.generation {
            self.acknowledge().await;
        }
    }

    async fn acknowledge(&mut self) {
        let refused: Vec<Refusal> = self.changing().refused.values().cloned().collect();
        self.acknowledged = self.desired.generation;
        self.status.ready.store(true, Ordering::Release);
        self.keep_on_disk().await;
        let acknowledgement = Acknowledgement {
            node: self.status.shared.settings.node.clone(),
            boot_id: self.status.boot_id,
            generation: self.desired.generation,
            refused,
        };
        self.untold = Some(acknowledgement);
        self.report().await;
    }

    /// What serves, not what was asked for: a refused tenant comes back in its previous form.
    async fn keep_on_disk(&self) {
        let tenants = self.routes.values().map(|route| route.entry.clone()).collect();
        let snapshot = Snapshot { generation: self.desired.generation, tenants };
        let data_dir = self.status.shared.settings.data_dir.clone();
        let written = tokio::task::spawn_blocking(move || last_good::write(&data_dir, &snapshot)).await;
        if let Ok(Err(error)) = written {
            tracing::error!(%error, "the node could not boot from this generation without the control plane");
        }
    }

    async fn report(&mut self) {
        if let Some(acknowledgement) = self.untold.take() {
            let told = self.preparer.feed.acknowledge(acknowledgement.clone()).await;
            if told.is_err() {
                self.untold = Some(acknowledgement);
            }
            self.told(told);
        }
        let kept = self.kept_warm();
        self.changing().kept = kept;
        self.status.refresh_metrics();
        self.told(self.preparer.feed.report(self.status.report()).await);
    }

    fn told(&self, result: Result<(), FeedError>) {
        if let Err(error) = result {
            tracing::debug!(%error, "the control plane could not be told");
        }
    }

    fn refused(&self) -> Vec<TenantId> {
        self.changing().refused.keys().cloned().collect()
    }

    pub(super) fn changing(&self) -> MutexGuard<'_, super::report::Changing> {
        self.status.changing.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
