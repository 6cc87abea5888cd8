//! A compiled filter, shared by all tenants of a node.

use crate::abi::native::Hooks;
use crate::engine::{CORE_INSTANCES_PER_SLOT, TABLES_PER_SLOT};
use crate::host::HostState;
use crate::symbols::Symbols;
use std::collections::HashSet;
use switchyard_contract::Digest;
use wasmtime::component::{Component, InstancePre, Linker};

pub struct Module {
    digest: Digest,
    pre: InstancePre<HostState>,
    pub(crate) hooks: Hooks,
    /// Units of the pool one instance takes.
    pub(crate) slots: u32,
    pub(crate) symbols: Symbols,
}

impl Module {
    /// Links a component. Errors: every reason it cannot serve.
    pub(crate) fn link(digest: Digest, component: &Component, linker: &Linker<HostState>) -> Result<Self, Vec<String>> {
        let hooks = Hooks::find(component)?;
        let pre = linker.instantiate_pre(component).map_err(|error| vec![format!("it does not link: {error:#}")])?;
        Ok(Self { digest, pre, hooks, slots: slots(component), symbols: Symbols::default() })
    }

    pub fn digest(&self) -> Digest {
        self.digest
    }

    /// Bytes of machine code and data this module keeps mapped.
    pub fn image_bytes(&self) -> u64 {
        let range = self.pre.component().image_range();
        (range.end as usize).saturating_sub(range.start as usize) as u64
    }

    pub(crate) fn pre(&self) -> &InstancePre<HostState> {
        &self.pre
    }
}

/// A component of several modules takes more of the pool than its share: it is counted as several.
/// One that instantiates a module many times can still run the pool out of core instances; the pool
/// then answers with an error, which is `Fault::Exhausted`.
fn slots(component: &Component) -> u32 {
    let Some(required) = component.resources_required() else { return 1 };
    let modules: HashSet<_> = component.functions().map(|function| function.module).collect();
    let by_core_instances = u32::try_from(modules.len()).unwrap_or(u32::MAX).div_ceil(CORE_INSTANCES_PER_SLOT);
    let by_tables = required.num_tables.div_ceil(TABLES_PER_SLOT);
    required.num_memories.max(by_core_instances).max(by_tables).max(1)
}
