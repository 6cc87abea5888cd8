//! `switchyard tenant`: hosts, upstreams, and the plugins on a tenant's path.

use super::Context;
use super::split::shares;
use crate::column;
use crate::failure::Failure;
use crate::output::{Column, fields, items, plain, table};
use clap::{Subcommand, ValueEnum};
use serde_json::{Map, Value, json};
use std::path::{Path, PathBuf};

#[derive(Debug, Subcommand)]
pub enum Command {
    /// List all tenants
    List,
    /// Show one tenant: hosts, upstreams, plugins
    Show { tenant: String },
    /// Create a tenant or replace it by what a file says
    ///
    /// The file is TOML or JSON and has the form of the API:
    ///
    ///   id = "shop"
    ///   hosts = ["shop.example", "*.shop.example"]
    ///   showVersions = true
    ///   [[upstreams]]
    ///   name = "main"
    ///   addresses = ["127.0.0.1:9001", "127.0.0.1:9002"]
    ///   [[plugins]]
    ///   plugin = "headers"
    ///   config = { response = { set = { x-served-by = "switchyard" } } }
    ///   stickiness = { header = "x-user" }
    ///   failurePolicy = "open"
    #[command(verbatim_doc_comment, visible_alias = "apply")]
    Set {
        /// The file; `-` reads JSON or TOML from stdin
        #[arg(short, long, value_name = "FILE")]
        file: PathBuf,
    },
    /// Put a disabled plugin back on the tenant's path
    Enable { tenant: String, plugin: String },
    /// Take a plugin off the tenant's path; its configuration is kept
    Disable { tenant: String, plugin: String },
    /// Put a plugin on the tenant's path or change how it runs there; what is not named stays as it is
    Config(Box<ConfigArgs>),
    /// Take a plugin off the tenant's path and forget its configuration
    Remove { tenant: String, plugin: String },
    /// Hold a tenant on one version, whatever is deployed
    Pin { tenant: String, plugin: String, version: String },
    /// Let a tenant follow deployments again
    Unpin { tenant: String, plugin: String },
    /// Delete a tenant; its hosts answer 404 from then on
    Delete { tenant: String },
}

#[derive(Debug, clap::Args)]
pub struct ConfigArgs {
    tenant: String,
    plugin: String,
    /// The plugin's own configuration: JSON, or @FILE
    #[arg(long, value_name = "JSON|@FILE")]
    config: Option<String>,
    /// Place on the path: smaller numbers see requests first
    #[arg(long)]
    order: Option<i32>,
    /// What becomes of a request whose filter fails: 503, or as if the filter were absent
    #[arg(long, value_enum)]
    failure_policy: Option<FailurePolicy>,
    /// A new instance for every request, or one that serves many
    #[arg(long, value_enum)]
    isolation: Option<Isolation>,
    /// Split by this cookie's value
    #[arg(long, value_name = "NAME")]
    sticky_cookie: Option<String>,
    /// Split by this header's value
    #[arg(long, value_name = "NAME")]
    sticky_header: Option<String>,
    /// Split by the client's address
    #[arg(long)]
    sticky_address: bool,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum FailurePolicy {
    Closed,
    Open,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Isolation {
    Fresh,
    Reused,
}

pub async fn run(command: Command, context: &Context) -> Result<(), Failure> {
    let Context { client, output } = context;
    match command {
        Command::List => {
            let answer = client.list("list tenants", &["tenants"], usize::MAX).await?;
            output.answer(&answer, |answer| {
                table(items(answer), TENANTS, "no tenants; create one with `switchyard tenant set -f FILE`")
            })
        }
        Command::Show { tenant } => {
            let answer = client.get(&format!("show tenant {tenant}"), &["tenants", &tenant], &[]).await?;
            output.answer(&answer, show)
        }
        Command::Set { file } => {
            let document = read_document(&file)?;
            let Some(id) = document["id"].as_str() else {
                let wrong = format!("{} has no text `id`", file.display());
                return Err(Failure::refused("set a tenant", vec![wrong]).advise("see `switchyard tenant set --help`"));
            };
            let answer = client.put(&format!("set tenant {id}"), &["tenants", id], &document).await?;
            output.answer(&answer, show)
        }
        Command::Enable { tenant, plugin } => switch(context, &tenant, &plugin, "enable").await,
        Command::Disable { tenant, plugin } => switch(context, &tenant, &plugin, "disable").await,
        Command::Config(args) => configure(&args, context).await,
        Command::Remove { tenant, plugin } => {
            let path = ["tenants", &tenant, "plugins", &plugin];
            let answer = client.delete(&format!("take {plugin} off {tenant}"), &path).await?;
            output.answer(&answer, |_| format!("{plugin} is no longer on the path of {tenant}\n"))
        }
        Command::Pin { tenant, plugin, version } => {
            let tried = format!("pin {tenant} to {plugin} {version}");
            let path = ["tenants", &tenant, "plugins", &plugin, "pin"];
            let answer = client.put(&tried, &path, &json!({ "version": version })).await?;
            output.answer(&answer, |_| format!("{tenant} is held on {plugin} {version}\n"))
        }
        Command::Unpin { tenant, plugin } => {
            let path = ["tenants", &tenant, "plugins", &plugin, "pin"];
            let answer = client.delete(&format!("unpin {plugin} of {tenant}"), &path).await?;
            output.answer(&answer, |_| format!("{tenant} follows deployments of {plugin} again\n"))
        }
        Command::Delete { tenant } => {
            let answer = client.delete(&format!("delete tenant {tenant}"), &["tenants", &tenant]).await?;
            output.answer(&answer, |_| format!("deleted {tenant}\n"))
        }
    }
}

async fn switch(context: &Context, tenant: &str, plugin: &str, to: &str) -> Result<(), Failure> {
    let path = ["tenants", tenant, "plugins", plugin, to];
    let answer = context.client.post(&format!("{to} {plugin} for {tenant}"), &path, &[], &json!({})).await?;
    context.output.answer(&answer, |_| format!("{plugin} is {to}d for {tenant}\n"))
}

/// The API replaces a binding as a whole: what was not named is read first and written back, on
/// condition that nobody changed it in between.
async fn configure(args: &ConfigArgs, context: &Context) -> Result<(), Failure> {
    let tried = format!("configure {} for {}", args.plugin, args.tenant);
    let changes = changes(args)?;
    if changes.is_empty() {
        return Err(
            Failure::usage(tried, "nothing to change was named").advise("see `switchyard tenant config --help`")
        );
    }
    let tenant = context.client.get(&tried, &["tenants", &args.tenant], &[]).await?;
    let present = items(&tenant["plugins"]).iter().find(|bound| bound["plugin"] == args.plugin.as_str());
    let mut body = Map::new();
    for key in ["config", "order", "failurePolicy", "isolation", "stickiness", "limits"] {
        if let Some(value) = changes.get(key).or_else(|| present?.get(key)) {
            body.insert(key.to_owned(), value.clone());
        }
    }
    let path = ["tenants", &args.tenant, "plugins", &args.plugin, "config"];
    let generation = tenant["generation"].as_u64().unwrap_or_default();
    let answer = context.client.put_if(&tried, &path, generation, &Value::Object(body)).await?;
    context.output.answer(&answer, |answer| table(std::slice::from_ref(answer), BINDINGS, ""))
}

/// Only what was named.
fn changes(args: &ConfigArgs) -> Result<Map<String, Value>, Failure> {
    let mut changes = Map::new();
    if let Some(config) = &args.config {
        changes.insert("config".to_owned(), plugin_config(config)?);
    }
    if let Some(order) = args.order {
        changes.insert("order".to_owned(), json!(order));
    }
    if let Some(policy) = args.failure_policy {
        changes.insert("failurePolicy".to_owned(), json!(word(policy)));
    }
    if let Some(isolation) = args.isolation {
        changes.insert("isolation".to_owned(), json!(word(isolation)));
    }
    if args.sticky_cookie.is_some() || args.sticky_header.is_some() || args.sticky_address {
        let stickiness =
            json!({ "cookie": args.sticky_cookie, "header": args.sticky_header, "clientAddress": args.sticky_address });
        changes.insert("stickiness".to_owned(), stickiness);
    }
    Ok(changes)
}

fn plugin_config(text: &str) -> Result<Value, Failure> {
    let text = match text.strip_prefix('@') {
        Some(file) => read_text(Path::new(file))?,
        None => text.to_owned(),
    };
    serde_json::from_str(&text).map_err(|error| Failure::usage("read --config", format!("it is not JSON: {error}")))
}

fn word(value: impl ValueEnum) -> String {
    value.to_possible_value().map(|value| value.get_name().to_owned()).unwrap_or_default()
}

/// TOML unless the text begins like a JSON object.
fn read_document(file: &Path) -> Result<Value, Failure> {
    let text = read_text(file)?;
    let tried = format!("read {}", file.display());
    let invalid = |wrong: String| Failure::refused(tried.clone(), vec![wrong]);
    if text.trim_start().starts_with('{') {
        return serde_json::from_str(&text).map_err(|error| invalid(format!("it is not JSON: {error}")));
    }
    toml::from_str(&text).map_err(|error| invalid(format!("it is not TOML: {}", error.to_string().trim_end())))
}

fn read_text(file: &Path) -> Result<String, Failure> {
    let read =
        if file == Path::new("-") { std::io::read_to_string(std::io::stdin()) } else { std::fs::read_to_string(file) };
    read.map_err(|error| Failure::failed(format!("read {}", file.display()), error))
}

fn show(tenant: &Value) -> String {
    let upstreams = table(items(&tenant["upstreams"]), UPSTREAMS, "no upstreams");
    let plugins = table(items(&tenant["plugins"]), BINDINGS, "no plugins on its path");
    format!("{}\n{upstreams}\n{plugins}", fields(tenant, TENANT))
}

const TENANTS: &[Column] = &[
    column!("TENANT", "/id"),
    column!("HOSTS", "/hosts"),
    column!("PLUGINS", |row| plain(&items(&row["plugins"]).iter().map(|bound| bound["plugin"].clone()).collect())),
];
const TENANT: &[Column] = &[
    column!("tenant", "/id"),
    column!("hosts", "/hosts"),
    column!("shows versions", "/showVersions"),
    column!("generation", "/generation"),
];
const UPSTREAMS: &[Column] =
    &[column!("UPSTREAM", "/name"), column!("ADDRESSES", "/addresses"), column!("PROTOCOL", "/protocol")];
const BINDINGS: &[Column] = &[
    column!("ORDER", "/order"),
    column!("PLUGIN", "/plugin"),
    column!("ENABLED", "/enabled"),
    column!("SERVING", |bound| shares(&bound["serving"])),
    column!("PIN", "/version"),
    column!("ON FAILURE", "/failurePolicy"),
    column!("ISOLATION", "/isolation"),
    column!("CONFIG", "/config"),
];
