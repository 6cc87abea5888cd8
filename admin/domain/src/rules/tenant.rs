//! Creating, replacing and deleting tenants.

use super::{Draft, binding, upstream};
use crate::command::Changes;
use crate::plugin::Plugin;
use crate::refusal::{Faults, Refusal};
use crate::tenant::{
    BINDINGS_PER_TENANT_MAX, HOSTS_PER_TENANT_MAX, TENANTS_MAX, Tenant, TenantSpec, UPSTREAMS_PER_TENANT_MAX,
    sort_bindings,
};
use crate::world::Key;
use serde_json::json;
use switchyard_contract::TenantId;

/// A tenant may buffer at most this much of a body.
const BUFFERED_BODY_BYTES_MAX: u64 = 64 << 20;

pub(super) fn create(draft: Draft<'_>, spec: &TenantSpec) -> Result<Changes, Refusal> {
    if draft.world.tenant(&spec.id).is_some() {
        let id = &spec.id;
        return Err(Refusal::conflict(format!("tenant {id} exists: replace it with PUT /api/v1/tenants/{id}")));
    }
    put(draft, spec)
}

pub(super) fn put(mut draft: Draft<'_>, spec: &TenantSpec) -> Result<Changes, Refusal> {
    check(&draft, spec)?;
    let before = draft.world.tenant(&spec.id);
    let mut tenant = Tenant {
        id: spec.id.clone(),
        generation: before.map_or(draft.next, |before| before.generation),
        hosts: spec.hosts.clone(),
        upstreams: spec.upstreams.clone(),
        bindings: spec.bindings.clone(),
        show_versions: spec.show_versions,
        limits: spec.limits.clone(),
        created_at_unix_ms: before.map_or(draft.now_unix_ms, |before| before.created_at_unix_ms),
        updated_at_unix_ms: before.map_or(draft.now_unix_ms, |before| before.updated_at_unix_ms),
    };
    sort_bindings(&mut tenant.bindings);
    if before.is_some_and(|before| **before == tenant) {
        return draft.already();
    }
    let action = if before.is_some() { "tenant.replace" } else { "tenant.create" };
    let plugins: Vec<_> = tenant.bindings.iter().map(|bound| &bound.plugin).collect();
    let detail = json!({ "hosts": tenant.hosts, "plugins": plugins });
    draft.put_tenant(tenant);
    draft.done(action, detail)
}

fn check(draft: &Draft<'_>, spec: &TenantSpec) -> Result<(), Refusal> {
    let mut faults = Faults::default();
    if draft.world.tenant(&spec.id).is_none() && draft.world.tenants().len() >= TENANTS_MAX {
        faults.conflict("", format!("there are {TENANTS_MAX} tenants, the most there may be"));
    }
    check_hosts(draft, spec, &mut faults);
    check_limits(spec, &mut faults);
    count("/upstreams", "upstreams", spec.upstreams.len(), UPSTREAMS_PER_TENANT_MAX, &mut faults);
    if spec.upstreams.is_empty() {
        faults.invalid("/upstreams", "a tenant needs at least one upstream");
    }
    for (at, one) in spec.upstreams.iter().enumerate() {
        let pointer = format!("/upstreams/{at}");
        if spec.upstreams.iter().take(at).any(|other| other.name == one.name) {
            faults.invalid(format!("{pointer}/name"), format!("upstream {:?} stands twice", one.name));
        }
        upstream::check(one, &pointer, &mut faults);
    }
    count("/plugins", "plugins", spec.bindings.len(), BINDINGS_PER_TENANT_MAX, &mut faults);
    for (at, bound) in spec.bindings.iter().enumerate() {
        let pointer = format!("/plugins/{at}");
        if spec.bindings.iter().take(at).any(|other| other.plugin == bound.plugin) {
            faults.invalid(format!("{pointer}/plugin"), format!("plugin {} stands twice", bound.plugin));
        }
        binding::check(draft, &spec.id, bound, &pointer, &mut faults);
    }
    faults.verdict()
}

fn check_hosts(draft: &Draft<'_>, spec: &TenantSpec, faults: &mut Faults) {
    if spec.hosts.is_empty() {
        faults.invalid("/hosts", "a tenant needs at least one host");
    }
    count("/hosts", "hosts", spec.hosts.len(), HOSTS_PER_TENANT_MAX, faults);
    for (at, host) in spec.hosts.iter().enumerate() {
        let pointer = format!("/hosts/{at}");
        if spec.hosts.iter().take(at).any(|other| other == host) {
            faults.invalid(&pointer, format!("host {host} stands twice"));
        }
        match draft.world.hosts().get(host).filter(|owner| **owner != spec.id) {
            Some(owner) if draft.context.actor.sees_tenant(owner) => {
                faults.conflict(&pointer, format!("host {host} belongs to tenant {owner}"));
            }
            Some(_) => faults.conflict(&pointer, format!("host {host} belongs to another tenant")),
            None => {}
        }
    }
}

fn check_limits(spec: &TenantSpec, faults: &mut Faults) {
    if spec.limits.exchanges_max == 0 {
        faults.invalid("/limits/exchangesMax", "a tenant must be allowed at least one exchange");
    }
    if spec.limits.buffered_body_bytes_max > BUFFERED_BODY_BYTES_MAX {
        let reason = format!("at most {BUFFERED_BODY_BYTES_MAX} bytes of a body may be buffered");
        faults.invalid("/limits/bufferedBodyBytesMax", reason);
    }
}

fn count(pointer: &str, what: &str, given: usize, max: usize, faults: &mut Faults) {
    if given > max {
        faults.invalid(pointer, format!("a tenant has at most {max} {what}, this one has {given}"));
    }
}

pub(super) fn delete(mut draft: Draft<'_>, id: &TenantId) -> Result<Changes, Refusal> {
    let tenant = draft.tenant(id)?;
    let detail = json!({ "hosts": tenant.hosts });
    for plugin in draft.world.plugins().values().filter(|plugin| plugin.release.mentions(id)) {
        let release = plugin.release.without_tenant(id);
        draft.put_plugin(Plugin { release, ..Plugin::clone(plugin) });
    }
    draft.drop_resource(Key::Tenant(id.clone()));
    draft.done("tenant.delete", detail)
}
