//! The one wasmtime engine of a process, and the same engine without a pool for the process that
//! compiles. Both must agree in everything that reaches machine code.

use crate::settings::RuntimeSettings;
use serde::{Deserialize, Serialize};
use wasmtime::{Config, Enabled, Engine, InstanceAllocationStrategy, OptLevel, PoolingAllocationConfig};
use wasmtime::{WasmBacktraceDetails, WasmFeatures};

/// Beyond a memory's reservation. Lets neighbouring bounds checks be merged.
const GUARD_BYTES: u64 = 64 << 10;
/// A filter's native stack. Recursion beyond it is a trap.
const STACK_BYTES: usize = 256 << 10;
/// Bytes of a slot that are zeroed in place rather than given back to the kernel: what the SDK's
/// guests use (stack, statics and arena), with room to spare.
const KEEP_RESIDENT_BYTES: usize = 2 << 20;
/// Slots are shared out per unit of admission; a component from wit-component has a main module,
/// a shim and a fix-up.
pub(crate) const CORE_INSTANCES_PER_SLOT: u32 = 4;
pub(crate) const TABLES_PER_SLOT: u32 = 3;
pub(crate) const TABLE_ELEMENTS_MAX: usize = 2_000;
/// Memory mappings a live instance costs (its accessible part and the rest of its reservation)
/// with copy-on-write images off. With them on it would be four.
const MAPPINGS_PER_INSTANCE: u64 = 2;
/// Mappings left to everything else in the process.
const MAPPINGS_RESERVED: u64 = 5_000;

/// What must be the same where code is made and where it runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct CodeSettings {
    /// Address space of one memory; a multiple of 64 KiB.
    pub memory_reservation_bytes: u64,
}

impl CodeSettings {
    pub fn of(settings: &RuntimeSettings) -> Self {
        Self { memory_reservation_bytes: settings.memory_bytes_max.next_multiple_of(64 << 10) }
    }

    fn config(self) -> Config {
        let mut config = Config::new();
        config
            .epoch_interruption(true)
            .cranelift_opt_level(OptLevel::Speed)
            .max_wasm_stack(STACK_BYTES)
            .memory_reservation(self.memory_reservation_bytes)
            .memory_guard_size(GUARD_BYTES)
            .memory_may_move(false)
            // Copy-on-write images cost two mappings more per live instance, and 65,530 is all a
            // process has; copying the few kilobytes of an SDK guest's data is as fast.
            .memory_init_cow(false)
            // Frames carry offsets only: reading DWARF on every trap would let a filter that traps
            // on purpose burn milliseconds. `symbols` reads it once per place.
            .wasm_backtrace_details(WasmBacktraceDetails::Disable)
            .wasm_features(WasmFeatures::RELAXED_SIMD | WasmFeatures::MEMORY64, false);
        config
    }

    /// For the process that compiles and for reading what it made.
    pub fn compiling_engine(self) -> wasmtime::Result<Engine> {
        let mut config = self.config();
        // One thread, so that the CPU limit of the process is the limit of the compilation.
        config.parallel_compilation(false);
        Engine::new(&config)
    }

    pub fn running_engine(self, slots: u32) -> wasmtime::Result<Engine> {
        let mut pool = PoolingAllocationConfig::new();
        pool.total_component_instances(slots)
            .total_core_instances(slots.saturating_mul(CORE_INSTANCES_PER_SLOT))
            .total_memories(slots)
            .total_tables(slots.saturating_mul(TABLES_PER_SLOT))
            .table_elements(TABLE_ELEMENTS_MAX)
            .max_memory_size(usize::try_from(self.memory_reservation_bytes)?)
            .linear_memory_keep_resident(KEEP_RESIDENT_BYTES)
            .table_keep_resident(TABLE_ELEMENTS_MAX * size_of::<usize>())
            .max_unused_warm_slots(slots)
            .pagemap_scan(Enabled::Auto);
        let mut config = self.config();
        config.allocation_strategy(InstanceAllocationStrategy::Pooling(pool));
        Engine::new(&config)
    }
}

/// Instances that may live at once: as configured, or what the machine's mappings allow.
pub fn instances_max(configured: u32) -> u32 {
    let allowed = std::fs::read_to_string("/proc/sys/vm/max_map_count")
        .ok()
        .and_then(|text| text.trim().parse::<u64>().ok())
        .map(|mappings| mappings.saturating_sub(MAPPINGS_RESERVED) / MAPPINGS_PER_INSTANCE);
    allowed.map_or(configured, |allowed| configured.min(u32::try_from(allowed).unwrap_or(u32::MAX))).max(1)
}
