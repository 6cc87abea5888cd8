//! Choosing versions: a deployment, other shares for it, and what the nodes made of it.

use super::Draft;
use crate::command::{Changes, Deploy, Share};
use crate::deployment::{DEPLOYMENTS_KEPT_MAX, Deployment, EventKind, Outcome};
use crate::plugin::Plugin;
use crate::refusal::{Faults, Refusal};
use crate::release::{Layer, SERVING_LAYERS_MAX, Scope};
use crate::world::Key;
use serde_json::json;
use std::sync::Arc;
use switchyard_contract::Generation;
use switchyard_contract::split::{Arm, InvalidSplit, Split};
use uuid::Uuid;

/// Lays a new choice over the release. A choice that serves that scope already is left alone: the
/// answer is the deployment that made it.
pub(super) fn deploy(mut draft: Draft<'_>, deploy: &Deploy) -> Result<Changes, Refusal> {
    let plugin = draft.plugin(&deploy.plugin)?;
    let mut faults = Faults::default();
    check_scope(&draft, &deploy.scope, &mut faults);
    let arms = arms(plugin, &deploy.arms, &mut faults);
    let basis = plugin.release.basis(&deploy.scope);
    let split = split(plugin, basis, &arms, &mut faults);
    faults.verdict()?;
    let Some(split) = split else { return Err(Refusal::invalid(Vec::new())) };
    let top = basis.filter(|basis| basis.scope == deploy.scope && basis.split.arms == arms);
    if let Some(same) = top.filter(|top| !is_partly_covered(plugin, top)) {
        draft.about(Key::Deployment(same.deployment));
        return draft.already();
    }
    let mut after = Plugin::clone(plugin);
    after.release.push(Layer {
        deployment: deploy.id,
        scope: deploy.scope.clone(),
        split: Arc::new(split),
        is_floor: false,
    });
    let serving = after.release.serving_count();
    if serving > SERVING_LAYERS_MAX {
        return Err(Refusal::conflict(format!(
            "{SERVING_LAYERS_MAX} deployments of plugin {} serve different tenants, the most there may be: deploy to \
             all tenants first",
            plugin.name
        )));
    }
    let detail = json!({ "plugin": deploy.plugin, "arms": arms, "scope": deploy.scope });
    let mut deployment = begun(&draft, deploy, arms);
    deployment.record(draft.now_unix_ms, draft.by(), EventKind::Created);
    forget_oldest(&mut draft);
    draft.put_plugin(after);
    draft.put_deployment(deployment);
    draft.about(Key::Deployment(deploy.id));
    draft.done("deployment.create", detail)
}

fn begun(draft: &Draft<'_>, deploy: &Deploy, arms: Vec<Arm>) -> Deployment {
    Deployment {
        id: deploy.id,
        generation: draft.next,
        plugin: deploy.plugin.clone(),
        scope: deploy.scope.clone(),
        arms,
        created_at_unix_ms: draft.now_unix_ms,
        created_by: draft.by().to_owned(),
        effective: draft.next,
        outcome: None,
        rolled_back: false,
        events: Vec::new(),
    }
}

/// A newer deployment to some of the tenants lies over it: deploying anew would change those.
fn is_partly_covered(plugin: &Plugin, layer: &Layer) -> bool {
    plugin.release.top().is_none_or(|top| top.deployment != layer.deployment)
}

fn check_scope(draft: &Draft<'_>, scope: &Scope, faults: &mut Faults) {
    let Scope::Only(tenants) = scope else { return };
    if tenants.is_empty() {
        faults.invalid("/tenants", "no tenant is named: leave \"tenants\" out to deploy to all");
    }
    for (at, tenant) in tenants.iter().enumerate() {
        if draft.world.tenant(tenant).is_none() || !draft.context.actor.sees_tenant(tenant) {
            faults.invalid(format!("/tenants/{at}"), format!("there is no tenant {tenant}"));
        }
    }
}

/// The shares with the digests of their versions. What is not registered is a fault and left out.
fn arms(plugin: &Plugin, shares: &[Share], faults: &mut Faults) -> Vec<Arm> {
    let mut arms = Vec::with_capacity(shares.len());
    for (at, share) in shares.iter().enumerate() {
        match plugin.versions.get(&share.version) {
            Some(version) => {
                let Share { version: number, weight_ppm } = share.clone();
                arms.push(Arm { version: number, digest: version.digest, weight_ppm });
            }
            None => {
                let pointer = if shares.len() == 1 { "/version".to_owned() } else { format!("/versions/{at}/version") };
                faults.invalid(pointer, plugin.no_such_version(&share.version));
            }
        }
    }
    arms
}

fn split(plugin: &Plugin, basis: Option<&Layer>, arms: &[Arm], faults: &mut Faults) -> Option<Split> {
    let made = match basis {
        Some(layer) => layer.split.reweighted(arms.to_vec()),
        None => Split::new(plugin.salt, arms.to_vec()),
    };
    made.map_err(|error: InvalidSplit| faults.invalid("/versions", error.to_string())).ok()
}

/// Ended deployments beyond the number kept go, the oldest first.
fn forget_oldest(draft: &mut Draft<'_>) {
    let world = draft.world;
    if world.deployments().len() < DEPLOYMENTS_KEPT_MAX {
        return;
    }
    let is_layer = |deployment: &Deployment| {
        world.plugin(&deployment.plugin).is_some_and(|plugin| plugin.release.layer(deployment.id).is_some())
    };
    if let Some(oldest) = world.deployments().values().find(|deployment| !is_layer(deployment)) {
        draft.drop_resource(Key::Deployment(oldest.id));
    }
}

/// Other shares for a deployment that still serves somebody; keys move as little as possible.
pub(super) fn reweigh(mut draft: Draft<'_>, id: Uuid, shares: &[Share]) -> Result<Changes, Refusal> {
    let deployment = draft.deployment(id)?;
    let (plugin, layer) = serving_layer(&draft, deployment)?;
    let mut faults = Faults::default();
    let arms = arms(plugin, shares, &mut faults);
    let split = split(plugin, Some(layer), &arms, &mut faults);
    faults.verdict()?;
    let Some(split) = split else { return Err(Refusal::invalid(Vec::new())) };
    if layer.split.arms == arms {
        return draft.already();
    }
    let mut after = Plugin::clone(plugin);
    after.release.reweigh(id, split);
    let mut changed = Deployment::clone(deployment);
    changed.arms.clone_from(&arms);
    changed.effective = draft.next;
    changed.outcome = None;
    changed.record(draft.now_unix_ms, draft.by(), EventKind::Reweighed(arms.clone()));
    draft.put_plugin(after);
    draft.put_deployment(changed);
    draft.done("deployment.reweigh", json!({ "arms": arms }))
}

/// The layer of a deployment that decides for somebody. What is covered or gone is a conflict that
/// says why.
pub(super) fn serving_layer<'a>(
    draft: &Draft<'a>,
    deployment: &Deployment,
) -> Result<(&'a Plugin, &'a Layer), Refusal> {
    let id = deployment.id;
    let plugin = draft.plugin(&deployment.plugin)?;
    if deployment.rolled_back {
        return Err(Refusal::conflict(format!("deployment {id} is rolled back: deploy anew")));
    }
    let Some(layer) = plugin.release.layer(id) else {
        return Err(Refusal::conflict(format!("deployment {id} serves no one any more: newer ones replaced it")));
    };
    match plugin.release.covered_by(id) {
        Some(newer) => Err(Refusal::conflict(format!(
            "deployment {id} serves no one: deployment {} came after it",
            newer.deployment
        ))),
        None => Ok((plugin, layer)),
    }
}

pub(super) fn settle(
    mut draft: Draft<'_>,
    id: Uuid,
    effective: Generation,
    outcome: &Outcome,
) -> Result<Changes, Refusal> {
    let deployment = draft.deployment(id)?;
    if deployment.is_settled() || deployment.effective != effective {
        return draft.already();
    }
    let what = match outcome {
        Outcome::Completed => EventKind::Completed,
        Outcome::Failed { .. } => EventKind::Failed,
    };
    let mut settled = Deployment::clone(deployment);
    settled.outcome = Some(outcome.clone());
    settled.record(draft.now_unix_ms, draft.by(), what);
    draft.put_deployment(settled);
    draft.done("deployment.settle", json!({ "outcome": outcome }))
}
