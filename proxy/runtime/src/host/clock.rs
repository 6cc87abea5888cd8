//! `clock`: wall time, and time that never goes back.

use super::HostState;
use std::sync::LazyLock;
use std::time::{Instant, SystemTime, UNIX_EPOCH};
use wasmtime::StoreContextMut;
use wasmtime::component::LinkerInstance;

static START: LazyLock<Instant> = LazyLock::new(Instant::now);

pub(super) fn link(interface: &mut LinkerInstance<'_, HostState>) -> wasmtime::Result<()> {
    LazyLock::force(&START);
    interface.func_wrap("now-ns", |mut store: StoreContextMut<'_, HostState>, (): ()| {
        store.data_mut().call()?;
        let since_epoch = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Ok((u64::try_from(since_epoch.as_nanos()).unwrap_or(u64::MAX),))
    })?;
    interface.func_wrap("monotonic-ns", |mut store: StoreContextMut<'_, HostState>, (): ()| {
        store.data_mut().call()?;
        Ok((u64::try_from(START.elapsed().as_nanos()).unwrap_or(u64::MAX),))
    })
}
