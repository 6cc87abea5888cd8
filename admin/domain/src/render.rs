//! The world as a snapshot for the nodes. Entries that did not change are the same allocation as
//! in the snapshot before, so that one change of 10,000 tenants costs one entry.

use crate::plugin::Choice;
use crate::tenant::{Bound, Tenant};
use crate::world::World;
use std::collections::HashMap;
use std::sync::Arc;
use switchyard_contract::snapshot::{Binding, Snapshot, TenantEntry};
use switchyard_contract::split::Split;
use switchyard_contract::{TenantId, Version};

/// The snapshot last rendered, with what each of its entries was made from.
#[derive(Debug, Clone, Default)]
pub struct Rendering {
    snapshot: Arc<Snapshot>,
    made_from: HashMap<TenantId, Made>,
}

#[derive(Debug, Clone)]
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

    /// The snapshot of a newer world.
    pub fn next(&self, world: &World) -> Self {
        let mut tenants = Vec::with_capacity(world.tenants().len());
        let mut made_from = HashMap::with_capacity(world.tenants().len());
        for (id, tenant) in world.tenants() {
            let made = made(world, tenant, self.made_from.get(id));
            tenants.push(made.entry.clone());
            made_from.insert(id.clone(), made);
        }
        Self { snapshot: Arc::new(Snapshot { generation: world.generation, tenants }), made_from }
    }
}

fn made(world: &World, tenant: &Arc<Tenant>, before: Option<&Made>) -> Made {
    let choices: Vec<_> = served(world, tenant).collect();
    let unchanged = |before: &&Made| {
        Arc::ptr_eq(&before.tenant, tenant)
            && before.sources.len() == choices.len()
            && before.sources.iter().zip(&choices).all(|(source, (_, choice, _))| source.is(choice))
    };
    if let Some(before) = before.filter(unchanged) {
        return before.clone();
    }
    let entry = entry(tenant, &choices);
    let entry = match before.filter(|before| *before.entry == entry) {
        Some(before) => before.entry.clone(),
        None => Arc::new(entry),
    };
    let sources = choices.iter().map(|(_, choice, _)| Source::of(choice)).collect();
    Made { tenant: tenant.clone(), sources, entry }
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
