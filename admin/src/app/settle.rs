//! Records what became of deployments, once every node has answered. Reads the full state and
//! takes no argument: running it twice, or from anywhere, is harmless.

use super::{App, AppError, Asked, Order, Reply};
use crate::auth::Actor;
use serde_json::Value;
use switchyard_contract::report::Acknowledgement;
use switchyard_domain::deployment::{Deployment, NodeRefusal, Outcome, REFUSALS_KEPT_MAX};
use switchyard_domain::{Command, World};

impl App {
    /// What the nodes made of a deployment's present choice; `None` while one is still to answer.
    pub fn outcome(&self, world: &World, deployment: &Deployment) -> Option<Outcome> {
        if let Some(outcome) = &deployment.outcome {
            return Some(outcome.clone());
        }
        let acknowledgements = self.feed().acknowledgements(deployment.effective)?;
        Some(outcome_of(world, deployment, &acknowledgements))
    }

    /// Commits the outcome of every deployment that has one and does not show it yet.
    pub async fn settle(&self) -> Result<(), AppError> {
        let world = self.world();
        for deployment in world.deployments().values().rev().filter(|deployment| !deployment.is_settled()) {
            let Some(outcome) = self.outcome(&world, deployment) else { continue };
            self.metrics().settled(deployment, &outcome, super::now_unix_ms());
            let command = Command::Settle { deployment: deployment.id, effective: deployment.effective, outcome };
            let silent =
                |_: &World, _: &switchyard_domain::Changes| Reply { status: 204, body: Value::Null, shown: None };
            self.execute(Order::new(&Actor::engine(), Asked::default(), command, silent)).await?;
        }
        Ok(())
    }
}

/// A refusal counts when it is of a tenant the deployment decides for, and of its plugin or of the
/// tenant as a whole.
fn outcome_of(world: &World, deployment: &Deployment, acknowledgements: &[Acknowledgement]) -> Outcome {
    let plugin = world.plugin(&deployment.plugin);
    let decides = |tenant: &switchyard_contract::TenantId| {
        let bound = world.tenant(tenant).and_then(|tenant| tenant.binding(&deployment.plugin));
        let follows = bound.is_some_and(|bound| bound.enabled && bound.pin.is_none());
        let layer = plugin.and_then(|plugin| plugin.release.serving(tenant));
        follows && layer.is_some_and(|layer| layer.deployment == deployment.id)
    };
    let refusals: Vec<_> = acknowledgements
        .iter()
        .flat_map(|ack| ack.refused.iter().map(|refusal| (ack.node.clone(), refusal)))
        .filter(|(_, refusal)| refusal.plugin.as_ref().is_none_or(|plugin| *plugin == deployment.plugin))
        .filter(|(_, refusal)| decides(&refusal.tenant))
        .map(|(node, refusal)| NodeRefusal { node, tenant: refusal.tenant.clone(), reason: refusal.reason.clone() })
        .collect();
    if refusals.is_empty() {
        return Outcome::Completed;
    }
    let refusals_total = refusals.len() as u64;
    Outcome::Failed { refusals_total, refusals: refusals.into_iter().take(REFUSALS_KEPT_MAX).collect() }
}
