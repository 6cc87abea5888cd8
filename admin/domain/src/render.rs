//! The world as a snapshot for the nodes. Entries that did not change are the same allocation as
//! in the snapshot before, so that one change of 10,000 tenants costs one entry.

use crate::plugin::{Choice, Plugin};
use crate::tenant::{Bound, Tenant};
use crate::world::World;
use std::collections::BTreeMap;
use std::sync::Arc;
use switchyard_contract::snapshot::{Binding, Snapshot, TenantEntry};
use switchyard_contract::split::Split;
use switchyard_contract::{PluginName, Version};

/// The snapshot last rendered, with what each of its entries was made from.
#[derive(Debug, Default)]
pub struct Rendering {
    snapshot: Arc<Snapshot>,
    /// By tenant id, like the entries of the snapshot.
    made: Vec<Made>,
    plugins: Arc<BTreeMap<PluginName, Arc<Plugin>>>,
}

#[derive(Debug)]
struct Made {
    tenant: Arc<Tenant>,
    /// Of the enabled bindings, in their order.
    sources: Vec<Source>,
    entry: Arc<TenantEntry>,
}

/// What decides a binding's versions.
#[derive(Debug, Clone)]
enum Source {
    Pinned(Version),
    Released(Arc<Split>),
}

impl Source {
    fn of(choice: &Choice<'_>) -> Self {
        match choice {
            Choice::Pinned { version, .. } => Self::Pinned((*version).clone()),
            Choice::Released(layer) => Self::Released(layer.split.clone()),
        }
    }
    fn is(&self, choice: &Choice<'_>) -> bool {
        match (self, choice) {
            // A version never changes its bytes.
            (Self::Pinned(mine), Choice::Pinned { version, .. }) => mine == *version,
            (Self::Released(mine), Choice::Released(layer)) => Arc::ptr_eq(mine, &layer.split),
            _ => false,
        }
    }
}

impl Rendering {
    pub fn snapshot(&self) -> &Arc<Snapshot> {
        &self.snapshot
    }

    /// Makes it the snapshot of a newer world.
    pub fn update(&mut self, world: &World) {
        let same_plugins = Arc::ptr_eq(&self.plugins, world.shared_plugins());
        // Both are in the order of tenant ids: one walk finds what was made before.
        let mut before = std::mem::take(&mut self.made).into_iter().peekable();
        let mut made = Vec::with_capacity(world.tenants().len());
        for (id, tenant) in world.tenants() {
            while before.next_if(|before| before.tenant.id < *id).is_some() {}
            made.push(match before.next_if(|before| before.tenant.id == *id) {
                Some(before) if same_plugins && Arc::ptr_eq(&before.tenant, tenant) => before,
                before => remade(world, tenant, before),
            });
        }
        let tenants = made.iter().map(|made| made.entry.clone()).collect();
        self.snapshot = Arc::new(Snapshot { generation: world.generation, tenants });
        self.plugins = world.shared_plugins().clone();
        self.made = made;
    }
}

fn remade(world: &World, tenant: &Arc<Tenant>, before: Option<Made>) -> Made {
    let choices: Vec<_> = served(world, tenant).collect();
    let unchanged = |before: &Made| {
        Arc::ptr_eq(&before.tenant, tenant)
            && before.sources.len() == choices.len()
            && before.sources.iter().zip(&choices).all(|(source, (_, choice, _))| source.is(choice))
    };
    let sources = choices.iter().map(|(_, choice, _)| Source::of(choice)).collect();
    let tenant = tenant.clone();
    match before {
        Some(before) if unchanged(&before) => before,
        Some(before) => {
            let entry = entry(&tenant, &choices);
            let entry = if *before.entry == entry { before.entry } else { Arc::new(entry) };
            Made { tenant, sources, entry }
        }
        None => Made { entry: Arc::new(entry(&tenant, &choices)), tenant, sources },
    }
}

/// The enabled bindings of a tenant with what decides their versions and the plugin's salt.
pub fn served<'a>(world: &'a World, tenant: &'a Tenant) -> impl Iterator<Item = (&'a Bound, Choice<'a>, u64)> {
    tenant.bindings.iter().filter(|bound| bound.enabled).filter_map(|bound| {
        let plugin = world.plugin(&bound.plugin)?;
        let choice = plugin.choice(&tenant.id, bound.pin.as_ref())?;
        Some((bound, choice, plugin.salt))
    })
}

/// The split a choice comes to.
pub fn split_of(choice: &Choice<'_>, salt: u64) -> Split {
    match choice {
        Choice::Pinned { version, digest } => Split::whole(salt, (*version).clone(), *digest),
        Choice::Released(layer) => Split::clone(&layer.split),
    }
}

fn entry(tenant: &Tenant, choices: &[(&Bound, Choice<'_>, u64)]) -> TenantEntry {
    let binding = |(bound, choice, salt): &(&Bound, Choice<'_>, u64)| Binding {
        plugin: bound.plugin.clone(),
        config: bound.config.clone(),
        split: split_of(choice, *salt),
        stickiness: bound.stickiness.clone(),
        failure_policy: bound.failure_policy,
        isolation: bound.isolation,
        limits: bound.limits.clone(),
    };
    TenantEntry {
        id: tenant.id.clone(),
        hosts: tenant.hosts.clone(),
        upstreams: tenant.upstreams.clone(),
        bindings: choices.iter().map(binding).collect(),
        show_versions: tenant.show_versions,
        limits: tenant.limits.clone(),
    }
}
