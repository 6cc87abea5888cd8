//! `switchyard deployment`: what was deployed, and moving the weights of a split.

use super::Context;
use super::deploy::{Wait, settle};
use super::split::{Split, shares};
use crate::column;
use crate::failure::Failure;
use crate::output::{Column, fields, items, plain, table};
use clap::Subcommand;
use serde_json::{Value, json};

#[derive(Debug, Subcommand)]
pub enum Command {
    /// List deployments, the newest first
    List {
        /// At most this many
        #[arg(long, default_value_t = 50)]
        limit: usize,
    },
    /// Show one deployment with its events and what the nodes made of it
    Show { deployment: String },
    /// Move the shares of a deployment's versions
    ///
    /// As few requests as possible change their version: one that sticks to a version keeps it while
    /// that version's share does not shrink.
    Weights {
        deployment: String,
        /// Versions with their shares in percent, such as 1.0.0=50,1.1.0=50
        #[arg(value_name = "VERSION=PERCENT,...")]
        split: Split,
        #[command(flatten)]
        wait: Wait,
    },
}

pub async fn run(command: Command, context: &Context) -> Result<(), Failure> {
    let Context { client, output } = context;
    match command {
        Command::List { limit } => {
            let answer = client.list("list deployments", &["deployments"], limit).await?;
            output.answer(&answer, |answer| table(items(answer), DEPLOYMENTS, "nothing was deployed yet"))
        }
        Command::Show { deployment } => {
            let tried = format!("show deployment {deployment}");
            let answer = client.get(&tried, &["deployments", &deployment], &[]).await?;
            output.answer(&answer, show)
        }
        Command::Weights { deployment, split, wait } => {
            let tried = format!("move the weights of deployment {deployment}");
            let body = json!({ "versions": split.body() });
            let answer = client.patch(&tried, &["deployments", &deployment], &body).await?;
            settle(&tried, answer, wait, context).await
        }
    }
}

pub fn show(deployment: &Value) -> String {
    let mut text = fields(deployment, DEPLOYMENT);
    for (list, columns) in [("history", EVENTS), ("refusals", REFUSALS)] {
        let rows = items(&deployment[list]);
        if !rows.is_empty() {
            text.push('\n');
            text.push_str(&table(rows, columns, ""));
        }
    }
    text
}

fn scope(deployment: &Value) -> String {
    match items(&deployment["tenants"]) {
        [] => "everyone".to_owned(),
        tenants => tenants.iter().map(plain).collect::<Vec<_>>().join(", "),
    }
}

const DEPLOYMENTS: &[Column] = &[
    column!("DEPLOYMENT", "/id"),
    column!("PLUGIN", "/plugin"),
    column!("VERSIONS", |deployment| shares(&deployment["versions"])),
    column!("FOR", scope),
    column!("STATUS", "/status"),
    column!("CREATED", "/createdAt"),
    column!("BY", "/createdBy"),
];
const DEPLOYMENT: &[Column] = &[
    column!("deployment", "/id"),
    column!("plugin", "/plugin"),
    column!("versions", |deployment| shares(&deployment["versions"])),
    column!("for", scope),
    column!("status", "/status"),
    column!("serving", "/serving"),
    column!("nodes", |deployment| {
        let progress = &deployment["progress"];
        format!("{} of {} have answered", progress["nodesAcknowledged"], progress["nodesTotal"])
    }),
    column!("created", "/createdAt"),
    column!("by", "/createdBy"),
];
const EVENTS: &[Column] = &[
    column!("AT", "/at"),
    column!("EVENT", "/event"),
    column!("BY", "/by"),
    column!("VERSIONS", |event| shares(&event["versions"])),
    column!("REASON", "/reason"),
];
const REFUSALS: &[Column] =
    &[column!("NODE", "/node"), column!("TENANT", "/tenant"), column!("REFUSED BECAUSE", "/reason")];
