//! The invariants of a world, as a list of findings. A world with findings is neither committed
//! nor published: they say that the rules have a hole, not that somebody asked for something wrong.

use crate::deployment::Deployment;
use crate::plugin::Plugin;
use crate::release::Scope;
use crate::tenant::Tenant;
use crate::token::Token;
use crate::world::{Change, Key, Resource, World};
use std::fmt;
use switchyard_contract::{Generation, PluginName};

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
    world.plugins().values().for_each(|plugin| check_plugin(plugin, &mut findings));
    world.tenants().values().for_each(|tenant| check_tenant(tenant, &mut findings));
    world.deployments().values().for_each(|deployment| check_deployment(deployment, &mut findings));
    world.tokens().values().for_each(|token| check_token(token, &mut findings));
    // Every tenant's hosts are in the index as its own: if nothing else is, no host has two owners.
    let hosts: usize = world.tenants().values().map(|tenant| tenant.hosts.len()).sum();
    findings.that(world.hosts().len() == hosts, || "the index of hosts does not match the tenants".to_owned());
    findings.list
}

/// What changes to a sound world could have broken: as good as `check`, without looking at what
/// they did not touch. `world` is the one after the changes.
pub fn check_changed(world: &World, changes: &[Change]) -> Vec<Finding> {
    let mut findings = Findings { world, list: Vec::new() };
    for change in changes {
        match change {
            Change::Put(Resource::Tenant(tenant)) => check_tenant(tenant, &mut findings),
            Change::Put(Resource::Deployment(deployment)) => check_deployment(deployment, &mut findings),
            Change::Put(Resource::Token(token)) => check_token(token, &mut findings),
            Change::Put(Resource::Plugin(plugin)) => {
                check_plugin(plugin, &mut findings);
                check_users(&plugin.name, &mut findings);
            }
            Change::Drop(Key::Plugin(name)) => check_users(name, &mut findings),
            // A layer may name what is gone.
            Change::Drop(Key::Tenant(_) | Key::Deployment(_)) => {
                world.plugins().values().for_each(|plugin| check_plugin(plugin, &mut findings));
            }
            Change::Drop(Key::Token(_)) => {}
        }
    }
    findings.list
}

fn check_users(plugin: &PluginName, findings: &mut Findings<'_>) {
    let world = findings.world;
    let users = world.tenants().values().filter(|tenant| tenant.binding(plugin).is_some());
    users.for_each(|tenant| check_tenant(tenant, findings));
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
    /// Under its own name, and not from the future.
    fn kept(&mut self, key: &Key, generation: Generation) {
        let known = self.world.generation_of(key) == Some(generation);
        self.that(known, || format!("{key} is not kept under its name"));
        self.generation(generation, || key.to_string());
    }
    fn generation(&mut self, generation: Generation, of: impl FnOnce() -> String) {
        let newest = self.world.generation;
        self.that(generation <= newest, || format!("{} is of generation {generation}, the world of {newest}", of()));
    }
}

fn check_plugin(plugin: &Plugin, findings: &mut Findings<'_>) {
    findings.kept(&Key::Plugin(plugin.name.clone()), plugin.generation);
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

fn check_deployment(deployment: &Deployment, findings: &mut Findings<'_>) {
    let id = deployment.id;
    findings.kept(&Key::Deployment(id), deployment.generation);
    findings.generation(deployment.effective, || format!("the choice of deployment {id}"));
}

fn check_token(token: &Token, findings: &mut Findings<'_>) {
    findings.kept(&Key::Token(token.id), token.generation);
}

fn check_tenant(tenant: &Tenant, findings: &mut Findings<'_>) {
    let id = &tenant.id;
    findings.kept(&Key::Tenant(id.clone()), tenant.generation);
    findings.that(!tenant.hosts.is_empty(), || format!("tenant {id} has no host"));
    findings.that(!tenant.upstreams.is_empty(), || format!("tenant {id} has no upstream"));
    for host in &tenant.hosts {
        let owner = findings.world.hosts().get(host);
        findings.that(owner == Some(id), || format!("host {host} of tenant {id} is kept as another's"));
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
