//! When requests are due. In the open loop a thread of its own releases them one by one, because tokio's timer counts in
//! milliseconds, which is a hundred times the latency to be measured.

use super::{Load, Stop};
use std::cell::Cell;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};
use tokio::sync::Semaphore;

/// How long the pacing thread sleeps at most before it looks whether it should stop.
const NAP_MAX: Duration = Duration::from_millis(20);

/// Hands out the moments at which requests are due.
pub(super) enum Pace {
    Open(Open),
    Closed { end: Instant, stop: Stop },
}

pub(super) struct Open {
    released: Arc<Semaphore>,
    /// Requests of the whole run; less when it was stopped early.
    total: Arc<AtomicU64>,
    next: Cell<u64>,
    start: Instant,
    rate_per_s: u32,
}

impl Pace {
    pub fn start(load: &Load, duration: Duration, lanes: u32, start: Instant, stop: &Stop) -> Self {
        let Some(rate_per_s) = load.rate_per_s else {
            return Self::Closed { end: start + duration, stop: stop.clone() };
        };
        let released = Arc::new(Semaphore::new(0));
        let total = Arc::new(AtomicU64::new((duration.as_secs_f64() * f64::from(rate_per_s)).round() as u64));
        let pacer = Pacer { released: Arc::clone(&released), total: Arc::clone(&total), lanes, start, rate_per_s };
        let stop = stop.clone();
        std::thread::spawn(move || pacer.release_all(&stop));
        Self::Open(Open { released, total, next: Cell::new(0), start, rate_per_s })
    }

    /// Waits until a request is due; from when its latency counts, or `None` when no more are due or the run is `over`.
    pub async fn due(&self, over: Instant) -> Option<Instant> {
        match self {
            Self::Closed { end, stop } => {
                let now = Instant::now();
                (now < *end && !stop.is_set()).then_some(now)
            }
            Self::Open(open) => open.due(over).await,
        }
    }

    /// When the requests were due that no lane was free to send.
    pub fn unsent(&self) -> Vec<Instant> {
        match self {
            Self::Closed { .. } => Vec::new(),
            Self::Open(open) => {
                let total = open.total.load(Ordering::Acquire);
                (open.next.get()..total).map(|number| open.start + due_after(number, open.rate_per_s)).collect()
            }
        }
    }
}

impl Open {
    async fn due(&self, over: Instant) -> Option<Instant> {
        self.released.acquire().await.ok()?.forget();
        let number = self.next.get();
        if number >= self.total.load(Ordering::Acquire) || Instant::now() >= over {
            return None;
        }
        self.next.set(number + 1);
        Some(self.start + due_after(number, self.rate_per_s))
    }
}

struct Pacer {
    released: Arc<Semaphore>,
    total: Arc<AtomicU64>,
    lanes: u32,
    start: Instant,
    rate_per_s: u32,
}

impl Pacer {
    fn release_all(&self, stop: &Stop) {
        // The kernel rounds sleeps up by 50 us unless told otherwise. Where it refuses, requests are released late and
        // their latency says so.
        let _ = rustix::thread::set_current_timer_slack(std::num::NonZeroU64::new(1));
        let total = self.total.load(Ordering::Acquire);
        let mut released = 0;
        while released < total {
            if stop.is_set() {
                self.total.store(released, Ordering::Release);
                break;
            }
            let due = due_by(self.start.elapsed(), self.rate_per_s).min(total);
            if due > released {
                self.released.add_permits((due - released) as usize);
                released = due;
            }
            let next = self.start + due_after(released, self.rate_per_s);
            std::thread::sleep(next.saturating_duration_since(Instant::now()).min(NAP_MAX));
        }
        // One more for each lane, so that all learn that there is nothing left to do.
        self.released.add_permits(self.lanes as usize);
    }
}

/// When request `number` (from 0) is due, from the start.
fn due_after(number: u64, rate_per_s: u32) -> Duration {
    Duration::from_nanos((u128::from(number) * 1_000_000_000 / u128::from(rate_per_s)) as u64)
}

/// How many requests are due by then; the first one at once.
fn due_by(elapsed: Duration, rate_per_s: u32) -> u64 {
    (elapsed.as_nanos() * u128::from(rate_per_s) / 1_000_000_000) as u64 + 1
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_is_released_when_it_is_due_and_not_before() {
        for rate in [1, 3, 7_000, 1_000_000] {
            for number in [0, 1, 2, 999, 1_000_003] {
                let due = due_after(number, rate);
                assert!(due_by(due, rate) >= number, "request {number} at {rate}/s is late by more than one");
                let early = due.saturating_sub(Duration::from_micros(2));
                assert!(due_by(early, rate) <= number + 1, "request {number} at {rate}/s is early");
            }
        }
    }
}
