//! `/deployments`: choosing versions, changing shares, rolling back.

mod body;

use super::conditions::Conditions;
use super::json::{Optional, Strict};
use super::page::{Listed, Page};
use super::view::DeploymentView;
use super::{Problem, answer, names};
use crate::api::address::{Named, Parameters};
use crate::app::{App, Asked, Executed, Order, Reply};
use crate::auth::Actor;
use axum::Json;
use axum::extract::State;
use axum::response::Response;
use body::{DeploymentBody, RollbackBody, WeightsBody};
use http::StatusCode;
use serde::Deserialize;
use std::ops::Bound;
use std::sync::Arc;
use std::time::{Duration, Instant};
use switchyard_domain::command::Deploy;
use switchyard_domain::deployment::Deployment;
use switchyard_domain::{Changes, Command, Key, World};
use uuid::Uuid;

const WAIT_MS_DEFAULT: u64 = 2_000;
const WAIT_MS_MAX: u64 = 30_000;

/// How long an answer may wait for the nodes.
#[derive(Debug, Deserialize)]
pub struct Wait {
    wait: Option<u64>,
}

impl Wait {
    fn at_most(&self) -> Result<Duration, Problem> {
        let ms = self.wait.unwrap_or(WAIT_MS_DEFAULT);
        if ms > WAIT_MS_MAX {
            return Err(Problem::malformed(format!("wait is 0 to {WAIT_MS_MAX} ms, not {ms}")));
        }
        Ok(Duration::from_millis(ms))
    }
}

/// The newest first.
pub async fn list(actor: Actor, State(app): State<App>, page: Page) -> Result<Json<Listed<DeploymentView>>, Problem> {
    let world = app.world();
    let end = page.after::<Uuid>()?.map_or(Bound::Unbounded, Bound::Excluded);
    let deployments = world.deployments().range((Bound::Unbounded, end)).rev();
    let view = |(_, deployment): (&Uuid, &Arc<Deployment>)| DeploymentView::of(&app, &world, &actor, deployment);
    Ok(Json(page.of(deployments, |(id, _)| id.to_string(), view)))
}

pub async fn show(actor: Actor, State(app): State<App>, Named(id): Named<String>) -> Result<Response, Problem> {
    let world = app.world();
    let deployment = names::deployment(&world, &id)?;
    Ok(answer::shown(deployment.generation, &DeploymentView::of(&app, &world, &actor, deployment)))
}

/// 201 when a choice was made, 200 when it serves already.
pub async fn create(
    actor: Actor,
    State(app): State<App>,
    Parameters(wait): Parameters<Wait>,
    conditions: Conditions,
    body: Strict<DeploymentBody>,
) -> Result<Response, Problem> {
    let at_most = wait.at_most()?;
    let (arms, scope) = body.value.choice(app.environment())?;
    let plugin = names::plugin(&app.world(), &body.value.plugin_id)?.name.clone();
    let command = Command::Deploy(Deploy { id: Uuid::now_v7(), plugin, arms, scope });
    let done = run(&app, &actor, conditions.asked(&body.bytes), command).await?;
    if made(&done) {
        app.metrics().deployed();
    }
    acknowledged(&app, &actor, done, at_most).await
}

pub async fn reweigh(
    actor: Actor,
    State(app): State<App>,
    Named(id): Named<String>,
    Parameters(wait): Parameters<Wait>,
    conditions: Conditions,
    body: Strict<WeightsBody>,
) -> Result<Response, Problem> {
    let at_most = wait.at_most()?;
    let arms = body.value.shares()?;
    let deployment = names::deployment(&app.world(), &id)?.id;
    let command = Command::Reweigh { deployment, arms };
    let done = run(&app, &actor, conditions.asked(&body.bytes), command).await?;
    acknowledged(&app, &actor, done, at_most).await
}

pub async fn roll_back(
    actor: Actor,
    State(app): State<App>,
    Named(id): Named<String>,
    Parameters(wait): Parameters<Wait>,
    conditions: Conditions,
    body: Optional<RollbackBody>,
) -> Result<Response, Problem> {
    let deployment = names::deployment(&app.world(), &id)?.id;
    let Optional(Strict { value, bytes }) = body;
    let command = Command::RollBack { deployment, reason: value.reason };
    taken_back(&app, &actor, conditions.asked(&bytes), command, wait.at_most()?).await
}

/// Takes back the newest deployment of a plugin.
pub async fn roll_back_plugin(
    actor: Actor,
    State(app): State<App>,
    Named(plugin): Named<String>,
    Parameters(wait): Parameters<Wait>,
    conditions: Conditions,
    body: Optional<RollbackBody>,
) -> Result<Response, Problem> {
    let plugin = names::plugin(&app.world(), &plugin)?.name.clone();
    let Optional(Strict { value, bytes }) = body;
    let command = Command::RollBackPlugin { plugin, reason: value.reason };
    taken_back(&app, &actor, conditions.asked(&bytes), command, wait.at_most()?).await
}

async fn taken_back(
    app: &App,
    actor: &Actor,
    asked: Asked,
    command: Command,
    at_most: Duration,
) -> Result<Response, Problem> {
    let began = Instant::now();
    let done = run(app, actor, asked, command).await?;
    let made = made(&done);
    let response = acknowledged(app, actor, done, at_most).await;
    if made {
        app.metrics().rolled_back(began.elapsed());
    }
    response
}

fn made(done: &Executed) -> bool {
    done.changes.as_ref().is_some_and(|changes| !changes.list.is_empty())
}

async fn run(app: &App, actor: &Actor, asked: Asked, command: Command) -> Result<Executed, Problem> {
    let (shown_by, shown_to) = (app.clone(), actor.clone());
    let present = move |world: &World, changes: &Changes| present(&shown_by, &shown_to, world, changes);
    Ok(app.execute(Order::new(actor, asked, command, present)).await?)
}

fn present(app: &App, actor: &Actor, world: &World, changes: &Changes) -> Reply {
    let status = if changes.action == "deployment.create" { StatusCode::CREATED } else { StatusCode::OK };
    let deployment = match &changes.subject {
        Key::Deployment(id) => world.deployment(*id),
        _ => None,
    };
    let generation = deployment.map(|deployment| deployment.generation).unwrap_or_default();
    Reply::new(status, generation, deployment.map(|deployment| DeploymentView::of(app, world, actor, deployment)))
}

/// The answer once the nodes have acknowledged, or the wait is over.
async fn acknowledged(app: &App, actor: &Actor, done: Executed, at_most: Duration) -> Result<Response, Problem> {
    let Some(changes) = &done.changes else { return answer::executed(done) };
    let Key::Deployment(id) = changes.subject else { return answer::executed(done) };
    let effective = app.world().deployment(id).map(|deployment| deployment.effective);
    if let Some(effective) = effective {
        app.feed().await_acknowledgements(effective, at_most).await;
    }
    let reply = present(app, actor, &app.world(), changes);
    answer::executed(Executed { reply, replayed: false, changes: done.changes })
}
