//! Cryptographically secure random bytes, from the host.

/// `len` bytes; at most 4,096 a call, more is cut to that.
pub fn bytes(len: u32) -> Vec<u8> {
    host::get_bytes(len)
}

/// An array of random bytes. A host that gives fewer than it promised leaves zeros at the end.
pub fn array<const LEN: usize>() -> [u8; LEN] {
    let mut array = [0; LEN];
    let given = bytes(u32::try_from(LEN).unwrap_or(u32::MAX));
    array.iter_mut().zip(given).for_each(|(slot, byte)| *slot = byte);
    array
}

/// A number of 64 random bits.
pub fn number() -> u64 {
    u64::from_le_bytes(array())
}

#[cfg(target_arch = "wasm32")]
use crate::bindings::switchyard::filter::random as host;

/// In an author's unit tests: the hasher keys of the standard library, random enough for a test.
#[cfg(not(target_arch = "wasm32"))]
mod host {
    use std::hash::{BuildHasher, RandomState};

    const LEN_MAX: u32 = 4_096;

    pub(super) fn get_bytes(len: u32) -> Vec<u8> {
        let state = RandomState::new();
        let words = (0..len.min(LEN_MAX).div_ceil(8)).flat_map(|word| state.hash_one(word).to_le_bytes());
        words.take(len.min(LEN_MAX) as usize).collect()
    }
}
