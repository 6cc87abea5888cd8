//! Epoch ticks: what stops a filter at its deadline. One thread, asleep while no filter runs.

use crate::admission::Admission;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::Thread;
use std::time::Duration;
use wasmtime::Engine;

const TICK: Duration = Duration::from_millis(1);
/// Ticks without a live exchange after which the thread goes to sleep.
const IDLE_TICKS: u32 = 100;

/// Ticks until a deadline: one more than its milliseconds, since the current tick has begun.
pub(crate) fn ticks(deadline_ms: u32) -> u64 {
    u64::from(deadline_ms) + 1
}

pub(crate) struct Ticker {
    asleep: Arc<AtomicBool>,
    thread: Thread,
}

impl Ticker {
    /// Ends by itself when the engine is gone.
    pub(crate) fn start(engine: &Engine, admission: Arc<Admission>) -> std::io::Result<Self> {
        let asleep = Arc::new(AtomicBool::new(false));
        let engine = engine.weak();
        let flag = Arc::clone(&asleep);
        let handle = std::thread::Builder::new().name("epoch-ticker".into()).spawn(move || {
            let mut idle_ticks = 0;
            loop {
                std::thread::sleep(TICK);
                let Some(engine) = engine.upgrade() else { return };
                engine.increment_epoch();
                drop(engine);
                idle_ticks = if admission.running() == 0 { idle_ticks + 1 } else { 0 };
                if idle_ticks > IDLE_TICKS {
                    sleep_until_needed(&flag, &admission);
                    idle_ticks = 0;
                }
            }
        })?;
        Ok(Self { asleep, thread: handle.thread().clone() })
    }

    /// After an exchange was admitted and before its filter runs.
    pub(crate) fn wake(&self) {
        // SeqCst with the count of admitted exchanges: either the ticker sees the exchange, or
        // this sees the ticker asleep.
        if self.asleep.load(Ordering::SeqCst) {
            self.asleep.store(false, Ordering::SeqCst);
            self.thread.unpark();
        }
    }
}

impl Drop for Ticker {
    fn drop(&mut self) {
        self.asleep.store(false, Ordering::SeqCst);
        self.thread.unpark();
    }
}

fn sleep_until_needed(asleep: &AtomicBool, admission: &Admission) {
    asleep.store(true, Ordering::SeqCst);
    while asleep.load(Ordering::SeqCst) && admission.running() == 0 {
        std::thread::park();
    }
    asleep.store(false, Ordering::SeqCst);
}
