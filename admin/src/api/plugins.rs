//! `/plugins`: what is registered.

use super::conditions::Conditions;
use super::page::{Listed, Page};
use super::view::{PluginView, VersionView};
use super::{Problem, answer, names};
use crate::api::address::Named;
use crate::app::{App, Order, Reply};
use crate::auth::Actor;
use axum::Json;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use http::header::{CONTENT_DISPOSITION, CONTENT_TYPE, ETAG};
use std::ops::Bound;
use switchyard_contract::PluginName;
use switchyard_domain::Command;

pub async fn list(_: Actor, State(app): State<App>, page: Page) -> Result<Json<Listed<PluginView>>, Problem> {
    let world = app.world();
    let start = page.after::<PluginName>()?.map_or(Bound::Unbounded, Bound::Excluded);
    let plugins = world.plugins().range((start, Bound::Unbounded));
    Ok(Json(page.of(plugins, |(name, _)| name.to_string(), |(_, plugin)| PluginView::of(plugin))))
}

pub async fn show(_: Actor, State(app): State<App>, Named(plugin): Named<String>) -> Result<Response, Problem> {
    let world = app.world();
    let plugin = names::plugin(&world, &plugin)?;
    Ok(answer::shown(plugin.generation, &PluginView::of(plugin)))
}

pub async fn delete(
    actor: Actor,
    State(app): State<App>,
    Named(plugin): Named<String>,
    conditions: Conditions,
) -> Result<Response, Problem> {
    let plugin = names::plugin(&app.world(), &plugin)?.name.clone();
    let command = Command::DeletePlugin { plugin };
    let order = Order::new(&actor, conditions.asked(&[]), command, |_, _| Reply::no_content());
    answer::executed(app.execute(order).await?)
}

pub async fn versions(
    _: Actor,
    State(app): State<App>,
    Named(plugin): Named<String>,
) -> Result<Json<Listed<VersionView>>, Problem> {
    let world = app.world();
    let plugin = names::plugin(&world, &plugin)?;
    // At most 50: one page.
    let items = plugin.versions.iter().rev().map(|(version, kept)| VersionView::of(version, kept)).collect();
    Ok(Json(Listed { items, next: None }))
}

pub async fn version(
    _: Actor,
    State(app): State<App>,
    Named((plugin, version)): Named<(String, String)>,
) -> Result<Json<VersionView>, Problem> {
    let world = app.world();
    let (version, kept) = names::version(names::plugin(&world, &plugin)?, &version)?;
    Ok(Json(VersionView::of(version, kept)))
}

pub async fn artifact(
    _: Actor,
    State(app): State<App>,
    Named((plugin, version)): Named<(String, String)>,
) -> Result<Response, Problem> {
    let world = app.world();
    let plugin = names::plugin(&world, &plugin)?;
    let (version, kept) = names::version(plugin, &version)?;
    let bytes = app.artifacts().read(kept.digest).await?;
    let headers = [
        (CONTENT_TYPE, "application/wasm".to_owned()),
        (CONTENT_DISPOSITION, format!("attachment; filename=\"{}-{version}.wasm\"", plugin.name)),
        (ETAG, format!("\"{}\"", kept.digest)),
    ];
    Ok((headers, bytes).into_response())
}
