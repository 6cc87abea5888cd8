//! `/nodes`: what serves where, and what was refused.

use super::Problem;
use super::page::Listed;
use crate::app::App;
use crate::auth::Actor;
use crate::feed::NodeState;
use axum::Json;
use axum::extract::State;
use serde::Serialize;
use switchyard_contract::NodeId;
use switchyard_contract::report::{NodeReport, Refusal};

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct NodeView {
    node: NodeId,
    /// The newest generation the node swapped to.
    acknowledged_generation: Option<u64>,
    /// The newest generation offered.
    published_generation: Option<u64>,
    /// Whether it serves what is published, for every tenant.
    up_to_date: bool,
    /// Tenants that keep their previous form there, and why.
    refused: Vec<Refusal>,
    report: Option<NodeReport>,
}

pub async fn list(actor: Actor, State(app): State<App>) -> Result<Json<Listed<NodeView>>, Problem> {
    actor.may_see_installation("list of nodes")?;
    let published = app.feed().published_generation().map(|generation| generation.0);
    let items = app.feed().nodes().into_iter().map(|(node, state)| view(node, state, published)).collect();
    Ok(Json(Listed { items, next: None }))
}

fn view(node: NodeId, state: NodeState, published_generation: Option<u64>) -> NodeView {
    let NodeState { acknowledgement, report } = state;
    let acknowledged_generation = acknowledgement.as_ref().map(|ack| ack.generation.0);
    let refused = acknowledgement.map(|ack| ack.refused).unwrap_or_default();
    NodeView {
        node,
        up_to_date: acknowledged_generation == published_generation && refused.is_empty(),
        acknowledged_generation,
        published_generation,
        refused,
        report,
    }
}
