//! `/tenants/{t}/plugins`: plugins on one tenant's path.

use super::conditions::Conditions;
use super::json::Strict;
use super::page::Listed;
use super::tenants::config_text;
use super::view::BindingView;
use super::{Problem, answer, names};
use crate::api::address::Named;
use crate::app::{App, Order, Reply};
use crate::auth::Actor;
use axum::Json;
use axum::extract::State;
use axum::response::Response;
use http::StatusCode;
use serde::Deserialize;
use serde_json::Value;
use switchyard_contract::snapshot::{FailurePolicy, FilterLimits, Isolation, Stickiness};
use switchyard_contract::{PluginName, TenantId, Version};
use switchyard_domain::command::BindingSetting;
use switchyard_domain::tenant::Bound;
use switchyard_domain::{Changes, Command, World};

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct SettingBody {
    config: Option<Value>,
    order: Option<i32>,
    /// A pin, for a plugin that is not deployed for this tenant.
    version: Option<String>,
    #[serde(default)]
    failure_policy: FailurePolicy,
    #[serde(default)]
    isolation: Isolation,
    #[serde(default)]
    stickiness: Stickiness,
    #[serde(default)]
    limits: FilterLimits,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PinBody {
    version: String,
}

type Place = Named<(String, String)>;

pub async fn list(
    actor: Actor,
    State(app): State<App>,
    Named(tenant): Named<String>,
) -> Result<Json<Listed<BindingView>>, Problem> {
    let world = app.world();
    let tenant = names::tenant(&world, &actor, &tenant)?;
    // At most 32: one page.
    let items = tenant.bindings.iter().map(|bound| BindingView::of(&world, tenant, bound)).collect();
    Ok(Json(Listed { items, next: None }))
}

pub async fn configure(
    actor: Actor,
    State(app): State<App>,
    Named(place): Place,
    conditions: Conditions,
    body: Strict<SettingBody>,
) -> Result<Response, Problem> {
    let (tenant, plugin) = found(&app, &actor, &place)?;
    let setting = setting(body.value)?;
    let tried = tried(&app, &tenant, &plugin, &setting);
    let command = Command::Bind { tenant: tenant.clone(), plugin: plugin.clone(), setting };
    app.authorize(&actor, &command)?;
    app.check_bindings(&tenant, &[(String::new(), tried)]).await?;
    write(&app, &actor, conditions, &body.bytes, command, (tenant, plugin)).await
}

fn setting(body: SettingBody) -> Result<BindingSetting, Problem> {
    let mut reasons = Vec::new();
    let pin = body.version.as_deref().and_then(|version| names::parsed::<Version>(version, "/version", &mut reasons));
    if !reasons.is_empty() {
        return Err(Problem::invalid(reasons));
    }
    Ok(BindingSetting {
        order: body.order,
        config: config_text(body.config.as_ref()),
        pin,
        stickiness: body.stickiness,
        failure_policy: body.failure_policy,
        isolation: body.isolation,
        limits: body.limits,
    })
}

/// The binding as it would be, for trying its configuration.
fn tried(app: &App, tenant: &TenantId, plugin: &PluginName, setting: &BindingSetting) -> Bound {
    let world = app.world();
    let existing = world.tenant(tenant).and_then(|tenant| tenant.binding(plugin)).cloned();
    let existing = existing.unwrap_or_else(|| Bound::new(plugin.clone()));
    Bound {
        pin: setting.pin.clone().or(existing.pin.clone()),
        config: setting.config.clone(),
        isolation: setting.isolation,
        limits: setting.limits.clone(),
        ..existing
    }
}

pub async fn remove(
    actor: Actor,
    State(app): State<App>,
    Named(place): Place,
    conditions: Conditions,
) -> Result<Response, Problem> {
    let (tenant, plugin) = found(&app, &actor, &place)?;
    let command = Command::Unbind { tenant, plugin };
    let order = Order::new(&actor, conditions.asked(&[]), command, |_, _| Reply::no_content());
    answer::executed(app.execute(order).await?)
}

pub async fn enable(
    actor: Actor,
    State(app): State<App>,
    Named(place): Place,
    conditions: Conditions,
) -> Result<Response, Problem> {
    let (tenant, plugin) = found(&app, &actor, &place)?;
    let command = Command::Enable { tenant: tenant.clone(), plugin: plugin.clone() };
    write(&app, &actor, conditions, &[], command, (tenant, plugin)).await
}

pub async fn disable(
    actor: Actor,
    State(app): State<App>,
    Named(place): Place,
    conditions: Conditions,
) -> Result<Response, Problem> {
    let (tenant, plugin) = found(&app, &actor, &place)?;
    let command = Command::Disable { tenant: tenant.clone(), plugin: plugin.clone() };
    write(&app, &actor, conditions, &[], command, (tenant, plugin)).await
}

pub async fn pin(
    actor: Actor,
    State(app): State<App>,
    Named(place): Place,
    conditions: Conditions,
    body: Strict<PinBody>,
) -> Result<Response, Problem> {
    let (tenant, plugin) = found(&app, &actor, &place)?;
    let mut reasons = Vec::new();
    let version = names::parsed(&body.value.version, "/version", &mut reasons);
    let version = version.ok_or_else(|| Problem::invalid(reasons))?;
    let command = Command::Pin { tenant: tenant.clone(), plugin: plugin.clone(), version };
    write(&app, &actor, conditions, &body.bytes, command, (tenant, plugin)).await
}

pub async fn unpin(
    actor: Actor,
    State(app): State<App>,
    Named(place): Place,
    conditions: Conditions,
) -> Result<Response, Problem> {
    let (tenant, plugin) = found(&app, &actor, &place)?;
    let command = Command::Unpin { tenant: tenant.clone(), plugin: plugin.clone() };
    write(&app, &actor, conditions, &[], command, (tenant, plugin)).await
}

fn found(app: &App, actor: &Actor, place: &(String, String)) -> Result<(TenantId, PluginName), Problem> {
    let world = app.world();
    let tenant = names::tenant(&world, actor, &place.0)?.id.clone();
    Ok((tenant, names::plugin(&world, &place.1)?.name.clone()))
}

async fn write(
    app: &App,
    actor: &Actor,
    conditions: Conditions,
    body: &[u8],
    command: Command,
    (tenant, plugin): (TenantId, PluginName),
) -> Result<Response, Problem> {
    let present = move |world: &World, _: &Changes| {
        let tenant = world.tenant(&tenant);
        let view = tenant.and_then(|tenant| Some(BindingView::of(world, tenant, tenant.binding(&plugin)?)));
        let generation = tenant.map(|tenant| tenant.generation).unwrap_or_default();
        Reply::new(StatusCode::OK, generation, view)
    };
    answer::executed(app.execute(Order::new(actor, conditions.asked(body), command, present)).await?)
}
