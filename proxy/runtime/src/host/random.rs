//! `random`: bytes from the system's generator.

use super::HostState;
use ring::rand::{SecureRandom, SystemRandom};
use wasmtime::StoreContextMut;
use wasmtime::component::LinkerInstance;

/// One call gives at most this many bytes, as the WIT says.
const BYTES_MAX: u32 = 4_096;

pub(super) fn link(interface: &mut LinkerInstance<'_, HostState>) -> wasmtime::Result<()> {
    let random = SystemRandom::new();
    interface.func_wrap("get-bytes", move |mut store: StoreContextMut<'_, HostState>, (len,): (u32,)| {
        store.data_mut().call()?;
        let mut bytes = vec![0; len.min(BYTES_MAX) as usize];
        random.fill(&mut bytes).map_err(|_| wasmtime::format_err!("the system has no random bytes"))?;
        Ok((bytes,))
    })
}
