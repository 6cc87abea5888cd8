//! `switchyard status` and `nodes`: how the data plane is.

use super::Context;
use crate::column;
use crate::failure::Failure;
use crate::output::{Column, items, mebibytes, table};
use serde_json::Value;

pub async fn nodes(context: &Context) -> Result<(), Failure> {
    let answer = context.client.get("list nodes", &["nodes"], &[]).await?;
    context.output.answer(&answer, |answer| table(items(answer), NODES, "no node has reported yet"))
}

/// Nodes, what they refused, and every version that serves or drains.
pub async fn status(context: &Context) -> Result<(), Failure> {
    let answer = context.client.get("ask for the status", &["nodes"], &[]).await?;
    context.output.answer(&answer, |answer| {
        let nodes = items(answer);
        let mut text = table(nodes, NODES, "no node has reported yet");
        let refused = of_nodes(nodes, "/refused");
        if !refused.is_empty() {
            text.push('\n');
            text.push_str(&table(&refused, REFUSED, ""));
        }
        text.push('\n');
        text.push_str(&table(&of_nodes(nodes, "/report/versions"), VERSIONS, "no filter serves"));
        text
    })
}

/// Entries of a list that every node has, each with the node's name.
fn of_nodes(nodes: &[Value], list: &str) -> Vec<Value> {
    let mut entries = Vec::new();
    for node in nodes {
        for entry in items(node.pointer(list).unwrap_or(&Value::Null)) {
            let mut entry = entry.clone();
            entry["node"] = node["node"].clone();
            entries.push(entry);
        }
    }
    entries
}

fn memory(node: &Value) -> String {
    node.pointer("/report/residentBytes").and_then(Value::as_u64).map_or_else(|| "-".to_owned(), mebibytes)
}

const NODES: &[Column] = &[
    column!("NODE", "/node"),
    column!("UP TO DATE", "/upToDate"),
    column!("SERVES", "/acknowledgedGeneration"),
    column!("OFFERED", "/publishedGeneration"),
    column!("CONNECTIONS", "/report/connections"),
    column!("IN FLIGHT", "/report/exchangesInFlight"),
    column!("INSTANCES", "/report/instancesLive"),
    column!("OF", "/report/instancesMax"),
    column!("MODULES", "/report/modulesLoaded"),
    column!("MEMORY", memory),
    column!("REFUSED", |node| items(&node["refused"]).len().to_string()),
];
const REFUSED: &[Column] = &[
    column!("NODE", "/node"),
    column!("TENANT", "/tenant"),
    column!("GENERATION", "/generation"),
    column!("PLUGIN", "/plugin"),
    column!("REFUSED BECAUSE", "/reason"),
];
const VERSIONS: &[Column] = &[
    column!("NODE", "/node"),
    column!("TENANT", "/tenant"),
    column!("PLUGIN", "/plugin"),
    column!("VERSION", "/version"),
    column!("STATE", "/state"),
    column!("IN FLIGHT", "/exchangesInFlight"),
    column!("CALLS", "/callsTotal"),
    column!("FAULTS", "/faultsTotal"),
];
