//! Names in addresses: what does not exist, or is not to be seen, is not found.

use super::Problem;
use crate::auth::Actor;
use std::fmt::Display;
use std::str::FromStr;
use std::sync::Arc;
use switchyard_contract::{PluginName, TenantId, Version};
use switchyard_domain::deployment::Deployment;
use switchyard_domain::plugin::{Plugin, PluginVersion};
use switchyard_domain::tenant::Tenant;
use switchyard_domain::{Reason, World};
use uuid::Uuid;

/// By name or by UUID.
pub fn plugin<'a>(world: &'a World, text: &str) -> Result<&'a Arc<Plugin>, Problem> {
    let by_name = text.parse::<PluginName>().ok().and_then(|name| world.plugin(&name));
    let by_id = || {
        let id: Uuid = text.parse().ok()?;
        world.plugins().values().find(|plugin| plugin.id == id)
    };
    by_name.or_else(by_id).ok_or_else(|| missing("plugin", text))
}

pub fn version<'a>(plugin: &'a Plugin, text: &str) -> Result<(&'a Version, &'a Arc<PluginVersion>), Problem> {
    let version: Option<Version> = text.parse().ok();
    let found = version.as_ref().and_then(|version| plugin.versions.get_key_value(version));
    found.ok_or_else(|| missing(&format!("version of plugin {}", plugin.name), text))
}

pub fn tenant<'a>(world: &'a World, actor: &Actor, text: &str) -> Result<&'a Arc<Tenant>, Problem> {
    let id = tenant_id(text)?;
    let seen = world.tenant(&id).filter(|_| actor.principal().sees_tenant(&id));
    seen.ok_or_else(|| missing("tenant", text))
}

pub fn tenant_id(text: &str) -> Result<TenantId, Problem> {
    text.parse().map_err(|_| missing("tenant", text))
}

pub fn deployment<'a>(world: &'a World, text: &str) -> Result<&'a Arc<Deployment>, Problem> {
    let found = text.parse().ok().and_then(|id| world.deployment(id));
    found.ok_or_else(|| missing("deployment", text))
}

pub fn missing(what: &str, text: &str) -> Problem {
    Problem::not_found(format!("there is no {what} {:?}", shortened(text)))
}

/// Parses what stands in a body; what is wrong is gathered with its place.
pub fn parsed<T: FromStr<Err: Display>>(text: &str, pointer: &str, reasons: &mut Vec<Reason>) -> Option<T> {
    text.parse().map_err(|error: T::Err| reasons.push(Reason::at(pointer, error.to_string()))).ok()
}

/// A text from outside, fit for a message.
pub fn shortened(text: &str) -> String {
    text.chars().take(80).collect()
}
