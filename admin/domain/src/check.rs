//! The invariants of a world, as a list of findings. A world with findings is neither committed
//! nor published: they say that the rules have a hole, not that somebody asked for something wrong.

use crate::plugin::Plugin;
use crate::release::Scope;
use crate::tenant::Tenant;
use crate::world::World;
use std::collections::BTreeMap;
use std::fmt;
use switchyard_contract::{Generation, Host, TenantId};

/// A broken invariant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding(String);

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Empty for a sound world.
pub fn check(world: &World) -> Vec<Finding> {
    let mut findings = Findings { world, list: Vec::new() };
    for (name, plugin) in world.plugins() {
        findings.that(plugin.name == *name, || format!("plugin {name} is kept under another name"));
        findings.generation(plugin.generation, || format!("plugin {name}"));
        check_release(plugin, &mut findings);
    }
    let mut hosts = BTreeMap::new();
    for (id, tenant) in world.tenants() {
        findings.that(tenant.id == *id, || format!("tenant {id} is kept under another id"));
        findings.generation(tenant.generation, || format!("tenant {id}"));
        check_tenant(tenant, &mut hosts, &mut findings);
    }
    let indexed = world.hosts().len() == hosts.len() && world.hosts().iter().all(|(h, t)| hosts.get(h) == Some(&t));
    findings.that(indexed, || "the index of hosts does not match the tenants".to_owned());
    for (id, deployment) in world.deployments() {
        findings.that(deployment.id == *id, || format!("deployment {id} is kept under another id"));
        findings.generation(deployment.generation, || format!("deployment {id}"));
        findings.generation(deployment.effective, || format!("the choice of deployment {id}"));
    }
    for (id, token) in world.tokens() {
        findings.generation(token.generation, || format!("token {id}"));
    }
    findings.list
}

struct Findings<'a> {
    world: &'a World,
    list: Vec<Finding>,
}

impl Findings<'_> {
    fn that(&mut self, holds: bool, otherwise: impl FnOnce() -> String) {
        if !holds {
            self.list.push(Finding(otherwise()));
        }
    }
    fn generation(&mut self, generation: Generation, of: impl FnOnce() -> String) {
        let newest = self.world.generation;
        self.that(generation <= newest, || format!("{} is of generation {generation}, the world of {newest}", of()));
    }
}

fn check_release(plugin: &Plugin, findings: &mut Findings<'_>) {
    let name = &plugin.name;
    for layer in plugin.release.layers() {
        let id = layer.deployment;
        if let Err(error) = layer.split.check() {
            findings.that(false, || format!("deployment {id} of plugin {name}: {error}"));
        }
        findings.that(layer.split.salt == plugin.salt, || format!("deployment {id} has another salt than {name}"));
        for arm in &layer.split.arms {
            let registered = plugin.versions.get(&arm.version).is_some_and(|known| known.digest == arm.digest);
            findings.that(registered, || format!("deployment {id} has {name} {}, which is not it", arm.version));
        }
        let record = findings.world.deployment(id);
        let known = record.is_some_and(|known| known.plugin == *name && !known.rolled_back);
        findings.that(known, || format!("the layer of deployment {id} of plugin {name} has no such deployment"));
        if let Some(record) = record {
            findings.that(record.arms == layer.split.arms, || format!("deployment {id} does not show what it serves"));
        }
        if let Scope::Only(tenants) = &layer.scope {
            let all = !tenants.is_empty() && tenants.iter().all(|tenant| findings.world.tenant(tenant).is_some());
            findings.that(all, || format!("deployment {id} of plugin {name} is for tenants that are not there"));
        }
    }
}

fn check_tenant<'a>(tenant: &'a Tenant, hosts: &mut BTreeMap<&'a Host, &'a TenantId>, findings: &mut Findings<'_>) {
    let id = &tenant.id;
    findings.that(!tenant.hosts.is_empty(), || format!("tenant {id} has no host"));
    findings.that(!tenant.upstreams.is_empty(), || format!("tenant {id} has no upstream"));
    for host in &tenant.hosts {
        let other = hosts.insert(host, id);
        findings.that(other.is_none(), || format!("host {host} belongs to two tenants, {id} is one"));
    }
    for (at, bound) in tenant.bindings.iter().enumerate() {
        let name = &bound.plugin;
        let twice = tenant.bindings.iter().take(at).any(|other| other.plugin == *name);
        findings.that(!twice, || format!("tenant {id} has plugin {name} twice"));
        let Some(plugin) = findings.world.plugin(name) else {
            findings.that(false, || format!("tenant {id} has plugin {name}, which is not there"));
            continue;
        };
        let pinned = bound.pin.as_ref().is_none_or(|pin| plugin.versions.contains_key(pin));
        findings.that(pinned, || format!("tenant {id} pins a version of plugin {name} that is not there"));
        let served = !bound.enabled || plugin.choice(id, bound.pin.as_ref()).is_some();
        findings.that(served, || format!("tenant {id} has plugin {name} and no version of it"));
    }
}
