//! Instances that serve many exchanges, one call at a time. An exchange stays with its instance,
//! since its state lives there; a fault in one exchange discards the instance for all of them.

use crate::fault::Fault;
use crate::instance::LiveInstance;
use parking_lot::{Mutex, MutexGuard};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

pub(crate) struct SharedInstance {
    /// Held for one synchronous call, which its deadline bounds; never over an await.
    live: Mutex<LiveInstance>,
    exchanges_begun: AtomicU64,
    discarded: AtomicBool,
    born: Instant,
}

impl SharedInstance {
    pub(crate) fn new(live: LiveInstance) -> Self {
        let born = Instant::now();
        Self { live: Mutex::new(live), exchanges_begun: AtomicU64::new(0), discarded: AtomicBool::new(false), born }
    }

    pub(crate) fn lock(&self) -> Result<MutexGuard<'_, LiveInstance>, Fault> {
        let live = self.live.lock();
        if self.discarded.load(Ordering::Acquire) { Err(Fault::Discarded) } else { Ok(live) }
    }

    pub(crate) fn discard(&self) {
        self.discarded.store(true, Ordering::Release);
    }

    /// The number of this exchange in this instance.
    fn begin(&self) -> u64 {
        self.exchanges_begun.fetch_add(1, Ordering::Relaxed) + 1
    }
}

/// When an instance is replaced.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Recycling {
    pub(crate) instances_max: usize,
    pub(crate) exchanges_max: u64,
    pub(crate) age_max: Duration,
    /// An instance that holds more is not given new exchanges.
    pub(crate) memory_bytes_high: u64,
}

pub(crate) struct ReusedPool {
    instances: Mutex<Vec<Arc<SharedInstance>>>,
    recycling: Recycling,
}

impl ReusedPool {
    pub(crate) fn new(recycling: Recycling) -> Self {
        Self { instances: Mutex::new(Vec::new()), recycling }
    }

    /// An instance for a new exchange and the exchange's number in it: one that is free now, else a
    /// new one while there may be more, else one that is busy.
    pub(crate) fn take(
        &self,
        make: impl FnOnce() -> Result<LiveInstance, Fault>,
    ) -> Result<(Arc<SharedInstance>, u64), Fault> {
        if let Some(free) = self.free() {
            let number = free.begin();
            return Ok((free, number));
        }
        let made = Arc::new(SharedInstance::new(make()?));
        let number = made.begin();
        self.instances.lock().push(Arc::clone(&made));
        Ok((made, number))
    }

    pub(crate) fn len(&self) -> u64 {
        self.instances.lock().len() as u64
    }

    /// Also lets go of what is due: it ends when its last exchange does.
    fn free(&self) -> Option<Arc<SharedInstance>> {
        let mut instances = self.instances.lock();
        instances.retain(|instance| !self.is_due(instance));
        let idle = instances.iter().find(|instance| !instance.live.is_locked());
        let busy = || if instances.len() < self.recycling.instances_max { None } else { instances.first() };
        idle.or_else(busy).map(Arc::clone)
    }

    fn is_due(&self, instance: &SharedInstance) -> bool {
        let used_bytes = instance.live.try_lock().map_or(0, |live| live.memory_used_bytes());
        instance.discarded.load(Ordering::Acquire)
            || instance.exchanges_begun.load(Ordering::Relaxed) >= self.recycling.exchanges_max
            || instance.born.elapsed() >= self.recycling.age_max
            || used_bytes > self.recycling.memory_bytes_high
    }
}
