//! A compiled filter, shared by all tenants of a node.

use switchyard_contract::Digest;

pub struct Module {
    digest: Digest,
}

impl Module {
    pub fn digest(&self) -> Digest {
        self.digest
    }
    /// Bytes of machine code and data this module keeps mapped.
    pub fn image_bytes(&self) -> u64 {
        todo!()
    }
}
