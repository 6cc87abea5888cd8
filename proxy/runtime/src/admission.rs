//! How many instances may live at once. The pool's own exhaustion is an error in the middle of an
//! instantiation; here it is an answer before one.

use crate::fault::Fault;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

pub(crate) struct Admission {
    live: AtomicU64,
    max: u64,
    /// Exchanges and preparations under way: while there is one, epochs must tick.
    running: AtomicU64,
}

impl Admission {
    pub(crate) fn new(max: u64) -> Self {
        Self { live: AtomicU64::new(0), max, running: AtomicU64::new(0) }
    }

    pub(crate) fn live(&self) -> u64 {
        self.live.load(Ordering::Relaxed)
    }

    pub(crate) fn max(&self) -> u64 {
        self.max
    }

    pub(crate) fn running(&self) -> u64 {
        self.running.load(Ordering::SeqCst)
    }

    /// Room for one instance that needs `slots` of the pool, until the `Seat` is dropped.
    pub(crate) fn seat(self: &Arc<Self>, slots: u32) -> Result<Seat, Fault> {
        let slots = u64::from(slots);
        let before = self.live.fetch_add(slots, Ordering::Relaxed);
        if before + slots > self.max {
            self.live.fetch_sub(slots, Ordering::Relaxed);
            return Err(Fault::Exhausted { live: before, max: self.max });
        }
        Ok(Seat { admission: Arc::clone(self), slots })
    }

    pub(crate) fn run(self: &Arc<Self>) -> Running {
        self.running.fetch_add(1, Ordering::SeqCst);
        Running { admission: Arc::clone(self) }
    }
}

/// Held by a live instance.
pub(crate) struct Seat {
    admission: Arc<Admission>,
    slots: u64,
}

impl Drop for Seat {
    fn drop(&mut self) {
        self.admission.live.fetch_sub(self.slots, Ordering::Relaxed);
    }
}

/// Held while filter code may run.
pub(crate) struct Running {
    admission: Arc<Admission>,
}

impl Drop for Running {
    fn drop(&mut self) {
        self.admission.running.fetch_sub(1, Ordering::SeqCst);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_seat_is_given_once_and_comes_back() {
        let admission = Arc::new(Admission::new(3));
        let first = admission.seat(1);
        let two = admission.seat(2);
        assert!(first.is_ok() && two.is_ok());
        assert!(matches!(admission.seat(1), Err(Fault::Exhausted { live: 3, max: 3 })));
        drop(two);
        assert!(admission.seat(2).is_ok());
        drop(first);
        assert_eq!(admission.live(), 0);
    }
}
