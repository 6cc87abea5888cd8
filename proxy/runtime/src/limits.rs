//! What one instance may use: the smallest of what binding and node allow.

use crate::settings::RuntimeSettings;
use rustix::time::{ClockId, clock_gettime};
use switchyard_contract::snapshot::FilterLimits;
use wasmtime::{ResourceLimiter, UpdateDeadline};

/// CPU time a call may still use once its deadline has passed on the clock.
const GRACE_CPU_NS: i128 = 1_000_000;

/// Limits of a binding, resolved.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Limits {
    pub(crate) deadline_ms: u32,
    pub(crate) configure_deadline_ms: u32,
    pub(crate) memory_bytes_max: u64,
    pub(crate) host_calls_max: u32,
    pub(crate) log_lines_max: u32,
}

impl Limits {
    pub(crate) fn resolve(node: &RuntimeSettings, binding: &FilterLimits) -> Self {
        fn least<T: Ord + Copy>(node: T, binding: Option<T>) -> T {
            binding.map_or(node, |asked| asked.min(node))
        }
        Self {
            deadline_ms: least(node.deadline_ms, binding.deadline_ms),
            configure_deadline_ms: node.configure_deadline_ms,
            memory_bytes_max: least(node.memory_bytes_max, binding.memory_bytes_max),
            host_calls_max: least(node.host_calls_max, binding.host_calls_max),
            log_lines_max: least(node.log_lines_max, binding.log_lines_max),
        }
    }
}

/// Counts memories and tables of an instance together: wasmtime's own limiter counts each memory.
#[derive(Debug)]
pub(crate) struct MemoryMeter {
    pub(crate) used_bytes: u64,
    pub(crate) max_bytes: u64,
    /// Growth was refused: a trap that follows is called by its cause.
    pub(crate) refused: bool,
}

impl MemoryMeter {
    pub(crate) fn new(max_bytes: u64) -> Self {
        Self { used_bytes: 0, max_bytes, refused: false }
    }

    fn grow(&mut self, by_bytes: u64) -> bool {
        let wanted = self.used_bytes.saturating_add(by_bytes);
        if wanted > self.max_bytes {
            self.refused = true;
            return false;
        }
        self.used_bytes = wanted;
        true
    }
}

impl ResourceLimiter for MemoryMeter {
    fn memory_growing(&mut self, current: usize, desired: usize, _: Option<usize>) -> wasmtime::Result<bool> {
        Ok(self.grow(desired.saturating_sub(current) as u64))
    }

    fn table_growing(&mut self, current: usize, desired: usize, _: Option<usize>) -> wasmtime::Result<bool> {
        let elements = desired.saturating_sub(current) as u64;
        Ok(self.grow(elements.saturating_mul(size_of::<usize>() as u64)))
    }
}

/// Ends a call whose time is over: past its deadline on the clock, and by the grace past it in CPU
/// time of its thread. The second is what tells a filter that loops from one whose thread was not
/// scheduled; a clock alone would blame filters for a busy machine. CPU time is read only here, so
/// a call that is in time pays nothing for it.
#[derive(Debug, Default)]
pub(crate) struct DeadlineMeter {
    cpu_ns_at_deadline: Option<i128>,
}

impl DeadlineMeter {
    /// At the deadline and at every tick after it.
    pub(crate) fn tick(&mut self) -> UpdateDeadline {
        self.judge(thread_cpu_ns())
    }

    fn judge(&mut self, cpu_ns: i128) -> UpdateDeadline {
        let at_deadline = *self.cpu_ns_at_deadline.get_or_insert(cpu_ns);
        if cpu_ns - at_deadline >= GRACE_CPU_NS { UpdateDeadline::Interrupt } else { UpdateDeadline::Continue(1) }
    }
}

fn thread_cpu_ns() -> i128 {
    let time = clock_gettime(ClockId::ThreadCPUTime);
    i128::from(time.tv_sec) * 1_000_000_000 + i128::from(time.tv_nsec)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn memories_and_tables_are_counted_together() {
        let mut meter = MemoryMeter::new(200_000);
        assert!(meter.memory_growing(0, 65_536, None).is_ok_and(|grown| grown));
        assert!(meter.memory_growing(0, 131_072, None).is_ok_and(|grown| grown));
        assert!(!meter.refused);
        assert!(meter.table_growing(0, 1_000, None).is_ok_and(|grown| !grown));
        assert!(meter.refused);
        assert_eq!(meter.used_bytes, 196_608);
    }

    #[test]
    fn a_thread_that_was_not_scheduled_is_not_blamed_on_the_filter() {
        let mut meter = DeadlineMeter::default();
        let ended = |update| matches!(update, UpdateDeadline::Interrupt);
        assert!(!ended(meter.judge(7_000_000)), "the deadline: the count begins");
        assert!(!ended(meter.judge(7_000_000)), "a tick without CPU time");
        assert!(!ended(meter.judge(7_999_999)));
        assert!(ended(meter.judge(8_000_000)));
    }

    #[test]
    fn a_binding_can_only_ask_for_less() {
        let node = RuntimeSettings::new("unused".into(), vec![]);
        let asked = FilterLimits { deadline_ms: Some(900), memory_bytes_max: Some(65_536), ..FilterLimits::default() };
        let limits = Limits::resolve(&node, &asked);
        assert_eq!(limits.deadline_ms, node.deadline_ms);
        assert_eq!(limits.memory_bytes_max, 65_536);
        assert_eq!(limits.host_calls_max, node.host_calls_max);
    }
}
