//! `/tenants`: hosts, upstreams and the plugins on the path.

mod body;

pub use body::config_text;

use super::conditions::Conditions;
use super::json::Strict;
use super::page::{Listed, Page};
use super::view::TenantView;
use super::{Problem, answer, names};
use crate::api::address::Named;
use crate::app::{App, Order, Reply};
use crate::auth::Actor;
use axum::Json;
use axum::extract::State;
use axum::response::Response;
use body::TenantBody;
use http::StatusCode;
use std::ops;
use switchyard_contract::TenantId;
use switchyard_domain::tenant::TenantSpec;
use switchyard_domain::{Changes, Command, Reason, World};

pub async fn list(actor: Actor, State(app): State<App>, page: Page) -> Result<Json<Listed<TenantView>>, Problem> {
    let world = app.world();
    let start = page.after::<TenantId>()?.map_or(ops::Bound::Unbounded, ops::Bound::Excluded);
    let all = world.tenants().range((start, ops::Bound::Unbounded));
    let seen = all.filter(|(id, _)| actor.principal().sees_tenant(id));
    Ok(Json(page.of(seen, |(id, _)| id.to_string(), |(_, tenant)| TenantView::of(&world, tenant))))
}

pub async fn show(actor: Actor, State(app): State<App>, Named(tenant): Named<String>) -> Result<Response, Problem> {
    let world = app.world();
    let tenant = names::tenant(&world, &actor, &tenant)?;
    Ok(answer::shown(tenant.generation, &TenantView::of(&world, tenant)))
}

/// Must be new.
pub async fn create(
    actor: Actor,
    State(app): State<App>,
    conditions: Conditions,
    body: Strict<TenantBody>,
) -> Result<Response, Problem> {
    let missing = || Problem::invalid(vec![Reason::at("/id", "missing field `id`")]);
    let text = body.value.id.clone().ok_or_else(missing)?;
    let id = parsed_id(&text)?;
    let spec = body.value.spec(id).map_err(Problem::invalid)?;
    write(&app, &actor, conditions, &body.bytes, spec, Command::CreateTenant).await
}

/// Creates or replaces.
pub async fn put(
    actor: Actor,
    State(app): State<App>,
    Named(tenant): Named<String>,
    conditions: Conditions,
    body: Strict<TenantBody>,
) -> Result<Response, Problem> {
    let id = parsed_id(&tenant)?;
    if body.value.id.as_ref().is_some_and(|in_body| *in_body != tenant) {
        let reason = format!("the address says tenant {id}: leave \"id\" out, or say the same");
        return Err(Problem::invalid(vec![Reason::at("/id", reason)]));
    }
    let spec = body.value.spec(id).map_err(Problem::invalid)?;
    write(&app, &actor, conditions, &body.bytes, spec, Command::PutTenant).await
}

pub async fn delete(
    actor: Actor,
    State(app): State<App>,
    Named(tenant): Named<String>,
    conditions: Conditions,
) -> Result<Response, Problem> {
    let command = Command::DeleteTenant { tenant: names::tenant_id(&tenant)? };
    let order = Order::new(&actor, conditions.asked(&[]), command, |_, _| Reply::no_content());
    answer::executed(app.execute(order).await?)
}

fn parsed_id(text: &str) -> Result<TenantId, Problem> {
    let mut reasons = Vec::new();
    names::parsed(text, "/id", &mut reasons).ok_or_else(|| Problem::invalid(reasons))
}

async fn write(
    app: &App,
    actor: &Actor,
    conditions: Conditions,
    body: &[u8],
    spec: TenantSpec,
    command: fn(TenantSpec) -> Command,
) -> Result<Response, Problem> {
    let id = spec.id.clone();
    let at = |(at, bound): (usize, &_)| (format!("/plugins/{at}"), Clone::clone(bound));
    let bindings: Vec<_> = spec.bindings.iter().enumerate().map(at).collect();
    let command = command(spec);
    app.authorize(actor, &command)?;
    app.check_bindings(&id, &bindings).await?;
    let present = move |world: &World, changes: &Changes| {
        let status = if changes.action == "tenant.create" { StatusCode::CREATED } else { StatusCode::OK };
        let tenant = world.tenant(&id);
        let generation = tenant.map(|tenant| tenant.generation).unwrap_or_default();
        Reply::new(status, generation, tenant.map(|tenant| TenantView::of(world, tenant)))
    };
    answer::executed(app.execute(Order::new(actor, conditions.asked(body), command, present)).await?)
}
