//! A live instance: a store, its component, and what a call into it needs. `fresh` ones belong to
//! one exchange; `reused` ones stand in a pool and serve one call at a time.

use crate::abi::native::hook;
use crate::admission::Seat;
use crate::fault::Fault;
use crate::host::{HostCallsExceeded, HostState, Usage};
use crate::limits::DeadlineMeter;
use crate::module::Module;
use crate::runtime::Inner;
use crate::symbols::RawFrame;
use crate::ticker::ticks;
use wasmtime::component::{ComponentExportIndex, ComponentNamedList, Instance, Lift, Lower};
use wasmtime::{PoolConcurrencyLimitError, Store, Trap, WasmBacktrace};

/// The declaration order is the drop order: the pool's slot is free before the seat is.
pub(crate) struct LiveInstance {
    store: Store<HostState>,
    instance: Instance,
    _seat: Seat,
}

/// What is being called, for the fault it may give.
#[derive(Clone, Copy)]
pub(crate) struct Call<'a> {
    pub(crate) hook: &'static str,
    pub(crate) index: &'a ComponentExportIndex,
    pub(crate) deadline_ms: u32,
}

impl LiveInstance {
    /// `prepared` goes to `start` unless it is empty.
    pub(crate) fn new(
        inner: &Inner,
        module: &Module,
        host: HostState,
        prepared: &[u8],
        deadline_ms: u32,
    ) -> Result<Self, Fault> {
        let seat = inner.admission.seat(module.slots)?;
        let mut store = Store::new(&inner.engine, host);
        store.limiter(|host| &mut host.memory);
        store.epoch_deadline_callback(|mut store| Ok(store.data_mut().deadline.tick()));
        store.set_hostcall_fuel(usize::try_from(inner.settings.memory_bytes_max).unwrap_or(usize::MAX));
        store.set_epoch_deadline(ticks(deadline_ms));
        let instance = match module.pre().instantiate(&mut store) {
            Ok(instance) => instance,
            Err(error) => return Err(fault(inner, module, &store, "instantiate", deadline_ms, &error)),
        };
        let mut live = Self { store, instance, _seat: seat };
        if !prepared.is_empty() {
            let call = Call { hook: "start", index: &module.hooks.start, deadline_ms };
            live.call::<(&[u8],), ()>(inner, module, call, (prepared,))?;
        }
        Ok(live)
    }

    /// Calls a hook within its deadline. After a fault the instance must not be used again.
    pub(crate) fn call<Params, Return>(
        &mut self,
        inner: &Inner,
        module: &Module,
        call: Call<'_>,
        params: Params,
    ) -> Result<Return, Fault>
    where
        Params: ComponentNamedList + Lower,
        Return: ComponentNamedList + Lift,
    {
        self.store.data_mut().deadline = DeadlineMeter::default();
        self.store.set_epoch_deadline(ticks(call.deadline_ms));
        let called = hook::<Params, Return>(&mut self.store, &self.instance, call.index)
            .and_then(|function| function.call(&mut self.store, params));
        called.map_err(|error| fault(inner, module, &self.store, call.hook, call.deadline_ms, &error))
    }

    /// Whose exchange the next calls are for.
    pub(crate) fn enter(&mut self, exchange: u64, usage: Usage) {
        let host = self.store.data_mut();
        host.exchange = exchange;
        host.usage = usage;
    }

    pub(crate) fn usage(&self) -> Usage {
        self.store.data().usage
    }

    pub(crate) fn memory_used_bytes(&self) -> u64 {
        self.store.data().memory.used_bytes
    }

    pub(crate) fn check_types(&mut self, module: &Module) -> Result<(), Vec<String>> {
        module.hooks.check_types(&mut self.store, &self.instance)
    }
}

/// Names what went wrong. Cold: the request path comes here only after a fault.
#[cold]
fn fault(
    inner: &Inner,
    module: &Module,
    store: &Store<HostState>,
    hook: &'static str,
    deadline_ms: u32,
    error: &wasmtime::Error,
) -> Fault {
    let host = store.data();
    if error.is::<HostCallsExceeded>() {
        return Fault::HostCalls { hook, host_calls_max: host.limits.host_calls_max };
    }
    if error.is::<PoolConcurrencyLimitError>() {
        return Fault::Exhausted { live: inner.admission.live(), max: inner.admission.max() };
    }
    let trap = error.downcast_ref::<Trap>().copied();
    if trap == Some(Trap::Interrupt) {
        return Fault::Deadline { hook, deadline_ms };
    }
    if host.memory.refused {
        return Fault::Memory { hook, memory_bytes_max: host.limits.memory_bytes_max };
    }
    let raw: Vec<RawFrame> = error.downcast_ref::<WasmBacktrace>().map_or_else(Vec::new, |trace| {
        let raw = |frame: &wasmtime::FrameInfo| RawFrame {
            function: frame.func_name().map(str::to_owned),
            offset: frame.module_offset(),
        };
        trace.frames().iter().map(raw).collect()
    });
    let frames = module.symbols.resolve(&raw, || inner.disk.wasm(module.digest()));
    let reason = trap.map_or_else(|| error.root_cause().to_string(), |trap| trap.to_string());
    Fault::Trap { hook, reason, frames }
}
