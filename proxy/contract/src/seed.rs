//! From a request's key to a 64-bit hash, the same on every node, in every release and in the
//! control plane's explanations: XXH3-64 of the key, seeded with XXH3-64 of the tenant id, seeded
//! with the split's salt. Two tenants, or two plugins of a tenant, so cut the same keys differently.

use crate::ids::TenantId;
use std::net::IpAddr;
use xxhash_rust::xxh3::xxh3_64_with_seed;

/// Where the keys of one binding fall; made once per binding.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Seed(u64);

impl Seed {
    pub fn new(tenant: &TenantId, salt: u64) -> Self {
        Self(xxh3_64_with_seed(tenant.as_str().as_bytes(), salt))
    }
    /// Of the value of a cookie or a header.
    pub fn hash(self, key: &[u8]) -> u64 {
        xxh3_64_with_seed(key, self.0)
    }
    /// Of a client address: its octets.
    pub fn hash_address(self, address: IpAddr) -> u64 {
        match address {
            IpAddr::V4(address) => self.hash(&address.octets()),
            IpAddr::V6(address) => self.hash(&address.octets()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Computed with another implementation (Python's xxhash), so that an update of ours cannot move
    /// every client to another version unnoticed.
    #[test]
    fn hashes_are_the_published_ones() {
        let seed = Seed::new(&"shop".parse().expect("an id"), 42);
        assert_eq!(seed, Seed(0x1b30_ebde_42e4_8c0a));
        assert_eq!(seed.hash(b"ada"), 0x2dc7_7e62_0ad2_ddce);
        let address = IpAddr::from([192, 0, 2, 7]);
        assert_eq!(seed.hash_address(address), seed.hash(&[192, 0, 2, 7]));
    }
}
