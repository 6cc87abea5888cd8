//! `switchyard deploy`, `swap` and `rollback`: changes to which version serves.

use super::split::Split;
use super::{Context, deployment};
use crate::client::Client;
use crate::failure::Failure;
use crate::output::{items, plain};
use clap::ValueEnum;
use serde_json::{Map, Value, json};
use std::time::{Duration, Instant};

/// How often a deployment is looked at until the nodes have answered.
const POLL: Duration = Duration::from_millis(10);

/// Deploy a version of a plugin, at once or as a weighted split
///
/// The command ends when every node has said what became of it. A node that cannot prepare the
/// version keeps what it has; that is told with the reason and exit code 1.
#[derive(Debug, clap::Args)]
#[command(group = clap::ArgGroup::new("what").required(true).args(["version", "split"]))]
pub struct Args {
    /// Name or UUID of the plugin
    #[arg(long, short)]
    pub plugin: String,
    /// All requests to this version
    #[arg(long)]
    pub version: Option<String>,
    /// Versions with their shares in percent, such as 1.0.0=90,1.1.0=10
    #[arg(long, value_name = "VERSION=PERCENT,...")]
    pub split: Option<Split>,
    /// Only for this tenant; may be given again [default: everyone, tenants to come included]
    #[arg(long = "tenant", value_name = "TENANT")]
    pub tenants: Vec<String>,
    #[command(flatten)]
    pub wait: Wait,
}

#[derive(Debug, Clone, Copy, clap::Args)]
pub struct Wait {
    /// Seconds to wait for the nodes; 0 does not wait
    #[arg(long, value_name = "SECONDS", default_value_t = 60)]
    wait_s: u64,
}

impl Wait {
    /// The API waits a little by itself, so that most calls need no second one.
    pub fn query(self) -> Vec<(&'static str, &'static str)> {
        if self.wait_s == 0 { vec![("wait", "0")] } else { Vec::new() }
    }
}

/// Deploy a version at once everywhere
///
/// Running requests finish on the old version; new ones go to the new version from the moment a node
/// has prepared it.
#[derive(Debug, clap::Args)]
pub struct SwapArgs {
    /// Name or UUID of the plugin
    #[arg(long)]
    pub name: String,
    #[arg(long)]
    pub version: String,
    /// How the new version takes over
    #[arg(long, value_enum, default_value_t = SwapStrategy::Immediate)]
    pub strategy: SwapStrategy,
    #[command(flatten)]
    pub wait: Wait,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
pub enum SwapStrategy {
    /// New requests go to the new version, running ones finish on the old one
    Immediate,
}

/// Go back to what a deployment replaced, or to a version you name
///
/// What was replaced is still compiled and ready on the nodes, so going back takes milliseconds.
#[derive(Debug, clap::Args)]
#[command(group = clap::ArgGroup::new("which").required(true).args(["deployment", "name"]))]
pub struct RollbackArgs {
    /// Id of the deployment to take back
    pub deployment: Option<String>,
    /// Take back the newest deployment of this plugin
    #[arg(long)]
    pub name: Option<String>,
    /// Instead of what was there before, deploy this version at once everywhere
    #[arg(long, requires = "name", conflicts_with = "deployment", value_name = "VERSION")]
    pub to_version: Option<String>,
    /// Why, for the history and the audit log
    #[arg(long, default_value = "", hide_default_value = true, conflicts_with = "to_version")]
    pub reason: String,
    #[command(flatten)]
    pub wait: Wait,
}

pub async fn run(args: Args, context: &Context) -> Result<(), Failure> {
    let mut body = Map::new();
    body.insert("pluginId".to_owned(), json!(args.plugin));
    if let Some(version) = &args.version {
        body.insert("version".to_owned(), json!(version));
    }
    if let Some(split) = &args.split {
        body.insert("versions".to_owned(), split.body());
    }
    if !args.tenants.is_empty() {
        body.insert("tenants".to_owned(), json!(args.tenants));
    }
    let tried = format!("deploy {}", args.plugin);
    send(&tried, Value::Object(body), args.wait, context).await
}

pub async fn swap(args: SwapArgs, context: &Context) -> Result<(), Failure> {
    let SwapStrategy::Immediate = args.strategy;
    let tried = format!("swap {} to {}", args.name, args.version);
    send(&tried, json!({ "pluginId": args.name, "version": args.version }), args.wait, context).await
}

pub async fn rollback(args: RollbackArgs, context: &Context) -> Result<(), Failure> {
    if let (Some(name), Some(version)) = (&args.name, &args.to_version) {
        let tried = format!("go back to {name} {version}");
        return send(&tried, json!({ "pluginId": name, "version": version }), args.wait, context).await;
    }
    let (tried, path) = match (&args.deployment, &args.name) {
        (Some(deployment), _) => {
            (format!("roll back deployment {deployment}"), ["deployments", deployment.as_str(), "rollback"])
        }
        (None, Some(name)) => (format!("roll back {name}"), ["plugins", name.as_str(), "rollback"]),
        (None, None) => return Err(Failure::usage("roll back", "neither a deployment nor --name was given")),
    };
    let body = json!({ "reason": args.reason });
    let answer = context.client.post(&tried, &path, &args.wait.query(), &body).await?;
    settle(&tried, answer, args.wait, context).await
}

async fn send(tried: &str, body: Value, wait: Wait, context: &Context) -> Result<(), Failure> {
    let answer = context.client.post(tried, &["deployments"], &wait.query(), &body).await?;
    settle(tried, answer, wait, context).await
}

/// Waits until the nodes have said what became of the deployment, then shows it.
pub async fn settle(tried: &str, answer: Value, wait: Wait, context: &Context) -> Result<(), Failure> {
    if wait.wait_s == 0 {
        return context.output.answer(&answer, deployment::show);
    }
    let settled = outcome(&context.client, tried, answer, Duration::from_secs(wait.wait_s)).await?;
    context.output.answer(&settled, deployment::show)
}

/// The deployment once every node has answered. A refusal by a node and silence are failures.
pub async fn outcome(client: &Client, tried: &str, mut answer: Value, wait: Duration) -> Result<Value, Failure> {
    let until = Instant::now() + wait;
    let id = answer["id"].as_str().unwrap_or_default().to_owned();
    while is_open(&answer) {
        if Instant::now() >= until {
            return Err(Failure::failed(tried, format!("not every node has answered within {} s", wait.as_secs()))
                .advise(format!("it may still finish: switchyard deployment show {id}")));
        }
        tokio::time::sleep(POLL).await;
        answer = client.get(tried, &["deployments", &id], &[]).await?;
    }
    if answer["status"] == "Failed" {
        return Err(refused_by_nodes(tried, &id, &answer));
    }
    Ok(answer)
}

/// A deployment that was rolled back says so at once; it is over when the nodes have followed.
fn is_open(deployment: &Value) -> bool {
    let progress = &deployment["progress"];
    match deployment["status"].as_str() {
        Some("RolledBack") => progress["nodesAcknowledged"].as_u64() < progress["nodesTotal"].as_u64(),
        status => matches!(status, Some("Pending" | "InProgress")),
    }
}

fn refused_by_nodes(tried: &str, id: &str, deployment: &Value) -> Failure {
    let reason = |refusal: &Value| {
        format!("{} for {}: {}", plain(&refusal["node"]), plain(&refusal["tenant"]), plain(&refusal["reason"]))
    };
    let mut failure = Failure::failed(tried, "a node could not prepare it");
    failure.wrong = items(&deployment["refusals"]).iter().map(reason).collect();
    failure
        .advise(format!("where it was refused, the previous version serves on; see: switchyard deployment show {id}"))
}
