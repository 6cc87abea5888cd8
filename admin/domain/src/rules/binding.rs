//! Plugins on a tenant's path.
//!
//! A binding serves what is released for its tenant, or the version it pins. Where a plugin is not
//! released for a tenant, an enabled binding must pin: a path with a hole in it is never committed.

use super::Draft;
use crate::command::{BindingSetting, Changes};
use crate::refusal::{Faults, Refusal};
use crate::tenant::{BINDINGS_PER_TENANT_MAX, Bound, CONFIG_BYTES_MAX, Tenant, sort_bindings};
use serde_json::json;
use switchyard_contract::snapshot::{FilterLimits, Stickiness};
use switchyard_contract::{PluginName, TenantId, Version};

const STICKINESS_NAME_CHARS_MAX: usize = 100;

/// `pointer` is where the binding stands in the request's body; empty when it is the body.
pub(super) fn check(draft: &Draft<'_>, tenant: &TenantId, bound: &Bound, pointer: &str, faults: &mut Faults) {
    check_config(&bound.config, pointer, faults);
    check_stickiness(&bound.stickiness, pointer, faults);
    check_limits(&bound.limits, pointer, faults);
    let name = &bound.plugin;
    let Some(plugin) = draft.world.plugin(name) else {
        faults.invalid(format!("{pointer}/plugin"), format!("there is no plugin {name}: register it first"));
        return;
    };
    if let Some(pin) = bound.pin.as_ref().filter(|pin| !plugin.versions.contains_key(pin)) {
        faults.invalid(format!("{pointer}/version"), plugin.no_such_version(pin));
    } else if bound.enabled && plugin.choice(tenant, bound.pin.as_ref()).is_none() {
        let reason = format!(
            "plugin {name} is not deployed for tenant {tenant}: deploy a version of it first, or pin one (\"version\")"
        );
        faults.conflict(format!("{pointer}/version"), reason);
    }
}

fn check_config(config: &str, pointer: &str, faults: &mut Faults) {
    let pointer = format!("{pointer}/config");
    if config.len() > CONFIG_BYTES_MAX {
        let reason = format!("a configuration has at most {CONFIG_BYTES_MAX} bytes of JSON, this one {}", config.len());
        faults.invalid(pointer, reason);
    } else if let Err(error) = serde_json::from_str::<serde::de::IgnoredAny>(config) {
        faults.invalid(pointer, format!("not JSON: {error}"));
    }
}

fn check_stickiness(stickiness: &Stickiness, pointer: &str, faults: &mut Faults) {
    for (what, name) in [("cookie", &stickiness.cookie), ("header", &stickiness.header)] {
        let Some(name) = name else { continue };
        let fits = !name.is_empty() && name.len() <= STICKINESS_NAME_CHARS_MAX && name.bytes().all(is_token_byte);
        if !fits {
            let reason = format!("{name:?} is no name of a {what} (RFC 9110 token, at most 100 characters)");
            faults.invalid(format!("{pointer}/stickiness/{what}"), reason);
        }
    }
}

/// `tchar` of RFC 9110, section 5.6.2.
fn is_token_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte)
}

fn check_limits(limits: &FilterLimits, pointer: &str, faults: &mut Faults) {
    let zero = [("deadlineMs", limits.deadline_ms == Some(0)), ("memoryBytesMax", limits.memory_bytes_max == Some(0))];
    for (name, _) in zero.iter().filter(|(_, is_zero)| *is_zero) {
        faults.invalid(
            format!("{pointer}/limits/{name}"),
            "0 would let the filter do nothing: leave it out, or disable it",
        );
    }
}

pub(super) fn bind(
    draft: Draft<'_>,
    tenant: &TenantId,
    plugin: &PluginName,
    setting: &BindingSetting,
) -> Result<Changes, Refusal> {
    draft.plugin(plugin)?;
    edit(draft, "tenant.plugin.config", tenant, plugin, |existing| {
        let before = existing.cloned().unwrap_or_else(|| Bound::new(plugin.clone()));
        let setting = setting.clone();
        Ok(Bound {
            plugin: before.plugin,
            enabled: before.enabled,
            order: setting.order.unwrap_or(before.order),
            pin: setting.pin.or(before.pin),
            config: setting.config,
            stickiness: setting.stickiness,
            failure_policy: setting.failure_policy,
            isolation: setting.isolation,
            limits: setting.limits,
        })
    })
}

/// Enabling a plugin that is not on the path puts it there, with every option at its default.
pub(super) fn enable(draft: Draft<'_>, tenant: &TenantId, plugin: &PluginName) -> Result<Changes, Refusal> {
    draft.plugin(plugin)?;
    edit(draft, "tenant.plugin.enable", tenant, plugin, |existing| {
        let before = existing.cloned().unwrap_or_else(|| Bound::new(plugin.clone()));
        Ok(Bound { enabled: true, ..before })
    })
}

pub(super) fn disable(draft: Draft<'_>, tenant: &TenantId, plugin: &PluginName) -> Result<Changes, Refusal> {
    edit(draft, "tenant.plugin.disable", tenant, plugin, |existing| {
        Ok(Bound { enabled: false, ..bound(existing, tenant, plugin)? })
    })
}

pub(super) fn pin(
    draft: Draft<'_>,
    tenant: &TenantId,
    plugin: &PluginName,
    version: &Version,
) -> Result<Changes, Refusal> {
    edit(draft, "tenant.plugin.pin", tenant, plugin, |existing| {
        Ok(Bound { pin: Some(version.clone()), ..bound(existing, tenant, plugin)? })
    })
}

pub(super) fn unpin(draft: Draft<'_>, tenant: &TenantId, plugin: &PluginName) -> Result<Changes, Refusal> {
    edit(draft, "tenant.plugin.unpin", tenant, plugin, |existing| {
        Ok(Bound { pin: None, ..bound(existing, tenant, plugin)? })
    })
}

fn bound(existing: Option<&Bound>, tenant: &TenantId, plugin: &PluginName) -> Result<Bound, Refusal> {
    existing.cloned().ok_or_else(|| Refusal::not_found(format_args!("plugin {plugin} on the path of tenant {tenant}")))
}

/// One binding of a tenant replaced by what `change` makes of it.
fn edit(
    mut draft: Draft<'_>,
    action: &'static str,
    tenant: &TenantId,
    plugin: &PluginName,
    change: impl FnOnce(Option<&Bound>) -> Result<Bound, Refusal>,
) -> Result<Changes, Refusal> {
    let before = draft.tenant(tenant)?;
    let existing = before.binding(plugin);
    let changed = change(existing)?;
    let mut faults = Faults::default();
    check(&draft, tenant, &changed, "", &mut faults);
    if existing.is_none() && before.bindings.len() >= BINDINGS_PER_TENANT_MAX {
        faults.conflict("", format!("tenant {tenant} has {BINDINGS_PER_TENANT_MAX} plugins, the most there may be"));
    }
    faults.verdict()?;
    if existing == Some(&changed) {
        return draft.already();
    }
    let detail = json!({ "plugin": plugin, "enabled": changed.enabled, "pin": changed.pin, "order": changed.order });
    let mut after = Tenant::clone(before);
    after.bindings.retain(|bound| bound.plugin != *plugin);
    after.bindings.push(changed);
    sort_bindings(&mut after.bindings);
    draft.put_tenant(after);
    draft.done(action, detail)
}

pub(super) fn unbind(mut draft: Draft<'_>, tenant: &TenantId, plugin: &PluginName) -> Result<Changes, Refusal> {
    let before = draft.tenant(tenant)?;
    bound(before.binding(plugin), tenant, plugin)?;
    let mut after = Tenant::clone(before);
    after.bindings.retain(|bound| bound.plugin != *plugin);
    draft.put_tenant(after);
    draft.done("tenant.plugin.remove", json!({ "plugin": plugin }))
}
