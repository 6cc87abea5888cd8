//! Deployments, and how far the nodes are with them.

use super::{percent, time};
use crate::app::App;
use crate::auth::Actor;
use serde::Serialize;
use switchyard_contract::split::Arm;
use switchyard_contract::{PluginName, TenantId, Version};
use switchyard_domain::deployment::{Deployment, Event, EventKind, NodeRefusal, Outcome};
use switchyard_domain::release::Scope;
use switchyard_domain::{Environment, World};
use uuid::Uuid;

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct DeploymentView {
    id: Uuid,
    generation: u64,
    plugin: PluginName,
    /// Absent once the plugin is deleted.
    #[serde(skip_serializing_if = "Option::is_none")]
    plugin_id: Option<Uuid>,
    environment: Environment,
    /// `Direct` for one version, `Split` for shares.
    strategy: &'static str,
    versions: Vec<ArmView>,
    /// Absent: all tenants.
    #[serde(skip_serializing_if = "Option::is_none")]
    tenants: Option<Vec<TenantId>>,
    /// `InProgress`, `Completed`, `Failed` or `RolledBack`.
    status: &'static str,
    /// Whether it decides for anybody now.
    serving: bool,
    progress: Progress,
    /// Tenants that keep their previous form on a node, and why.
    refusals: Vec<NodeRefusal>,
    refusals_total: u64,
    created_at: String,
    created_by: String,
    history: Vec<EventView>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ArmView {
    version: Version,
    /// Percent.
    weight: f64,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Progress {
    nodes_total: usize,
    nodes_acknowledged: usize,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct EventView {
    at: String,
    by: String,
    event: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    versions: Option<Vec<ArmView>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<String>,
}

pub fn arm_views(arms: &[Arm]) -> Vec<ArmView> {
    arms.iter().map(|arm| ArmView { version: arm.version.clone(), weight: percent(arm.weight_ppm) }).collect()
}

impl DeploymentView {
    /// Tenants the actor may not see are left out.
    pub fn of(app: &App, world: &World, actor: &Actor, deployment: &Deployment) -> Self {
        let sees = |tenant: &TenantId| actor.principal().sees_tenant(tenant);
        let outcome = app.outcome(world, deployment);
        let (refusals_total, refusals) = match &outcome {
            Some(Outcome::Failed { refusals_total, refusals }) => (*refusals_total, refusals.as_slice()),
            _ => (0, &[][..]),
        };
        let release = world.plugin(&deployment.plugin).map(|plugin| &plugin.release);
        let serving = release.is_some_and(|release| {
            release.layer(deployment.id).is_some() && release.covered_by(deployment.id).is_none()
        });
        Self {
            id: deployment.id,
            generation: deployment.generation.0,
            plugin: deployment.plugin.clone(),
            plugin_id: world.plugin(&deployment.plugin).map(|plugin| plugin.id),
            environment: app.environment(),
            strategy: if deployment.arms.len() == 1 { "Direct" } else { "Split" },
            versions: arm_views(&deployment.arms),
            tenants: match &deployment.scope {
                Scope::Everyone => None,
                Scope::Only(tenants) => Some(tenants.iter().filter(|tenant| sees(tenant)).cloned().collect()),
            },
            status: status(deployment, outcome.as_ref()),
            serving,
            progress: Progress::of(app, deployment),
            refusals: refusals.iter().filter(|refusal| sees(&refusal.tenant)).cloned().collect(),
            refusals_total,
            created_at: time(deployment.created_at_unix_ms),
            created_by: deployment.created_by.clone(),
            history: deployment.events.iter().map(EventView::of).collect(),
        }
    }
}

fn status(deployment: &Deployment, outcome: Option<&Outcome>) -> &'static str {
    match (deployment.rolled_back, outcome) {
        (true, _) => "RolledBack",
        (false, None) => "InProgress",
        (false, Some(Outcome::Completed)) => "Completed",
        (false, Some(Outcome::Failed { .. })) => "Failed",
    }
}

impl Progress {
    fn of(app: &App, deployment: &Deployment) -> Self {
        let nodes = app.feed().nodes();
        let acknowledged = nodes
            .values()
            .filter(|node| node.acknowledgement.as_ref().is_some_and(|ack| ack.generation >= deployment.effective));
        Self { nodes_acknowledged: acknowledged.count(), nodes_total: nodes.len() }
    }
}

impl EventView {
    fn of(event: &Event) -> Self {
        let (name, versions, reason) = match &event.what {
            EventKind::Created => ("Created", None, None),
            EventKind::Reweighed(arms) => ("Reweighed", Some(arm_views(arms)), None),
            EventKind::Completed => ("Completed", None, None),
            EventKind::Failed => ("Failed", None, None),
            EventKind::RolledBack { reason } => ("RolledBack", None, Some(reason.clone())),
        };
        Self { at: time(event.at_unix_ms), by: event.by.clone(), event: name, versions, reason }
    }
}
