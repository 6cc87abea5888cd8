//! `switchyard plugin`: what is registered.

use super::Context;
use super::split::shares;
use crate::column;
use crate::failure::Failure;
use crate::output::{Column, fields, items, plain, table};
use clap::Subcommand;
use reqwest::multipart::{Form, Part};
use serde_json::Value;
use std::path::{Path, PathBuf};

#[derive(Debug, Subcommand)]
pub enum Command {
    /// List all plugins
    List,
    /// Upload a built filter as a version of its plugin
    ///
    /// Name, version and capabilities are in the file itself. The server checks it, compiles it once
    /// in a limited process and stores it; an invalid filter is refused with every reason. Uploading
    /// the same bytes again changes nothing.
    Register {
        /// The component, as `switchyard filter build` writes it
        file: PathBuf,
    },
    /// Show one plugin
    Show {
        /// Name or UUID
        plugin: String,
    },
    /// List the versions of a plugin
    Versions {
        /// Name or UUID
        plugin: String,
    },
    /// Delete a plugin with all its versions; refused while anything uses it
    Delete {
        /// Name or UUID
        plugin: String,
    },
}

pub async fn run(command: Command, context: &Context) -> Result<(), Failure> {
    let Context { client, output } = context;
    match command {
        Command::List => {
            let answer = client.list("list plugins", &["plugins"], usize::MAX).await?;
            output.answer(&answer, |answer| {
                table(items(answer), PLUGINS, "no plugins; register one with `switchyard plugin register FILE`")
            })
        }
        Command::Register { file } => register(&file, context).await,
        Command::Show { plugin } => {
            let answer = client.get(&format!("show plugin {plugin}"), &["plugins", &plugin], &[]).await?;
            output.answer(&answer, |answer| {
                let versions = table(items(&answer["versions"]), VERSIONS, "no versions");
                format!("{}\n{versions}", fields(answer, PLUGIN))
            })
        }
        Command::Versions { plugin } => {
            let tried = format!("list the versions of {plugin}");
            let answer = client.list(&tried, &["plugins", &plugin, "versions"], usize::MAX).await?;
            output.answer(&answer, |answer| table(items(answer), VERSIONS, "no versions"))
        }
        Command::Delete { plugin } => {
            let answer = client.delete(&format!("delete plugin {plugin}"), &["plugins", &plugin]).await?;
            output.answer(&answer, |_| format!("deleted {plugin}\n"))
        }
    }
}

async fn register(file: &Path, context: &Context) -> Result<(), Failure> {
    let tried = format!("register {}", file.display());
    let bytes = tokio::fs::read(file).await.map_err(|error| {
        Failure::failed(&tried, error).advise("build the filter first: switchyard filter build FOLDER")
    })?;
    let name = file.file_name().map_or_else(|| "filter.wasm".into(), |name| name.to_string_lossy().into_owned());
    let form = Form::new().part("artifact", Part::bytes(bytes).file_name(name));
    let answer = context.client.upload(&tried, &["plugins"], form).await?;
    context.output.answer(&answer, |answer| {
        let warnings = items(&answer["warnings"]).iter().map(|warning| format!("warning: {}\n", plain(warning)));
        format!("{}{}", fields(answer, REGISTERED), warnings.collect::<String>())
    })
}

/// The newest version, which the API lists first.
fn latest(plugin: &Value) -> String {
    plain(plugin.pointer("/versions/0/version").unwrap_or(&Value::Null))
}

const PLUGINS: &[Column] = &[
    column!("NAME", "/name"),
    column!("TYPE", "/type"),
    column!("LATEST", latest),
    column!("VERSIONS", |plugin| items(&plugin["versions"]).len().to_string()),
    column!("DEPLOYED", |plugin| shares(&plugin["released"])),
    column!("DESCRIPTION", "/description"),
];
const PLUGIN: &[Column] = &[
    column!("name", "/name"),
    column!("id", "/id"),
    column!("type", "/type"),
    column!("description", "/description"),
    column!("latest", latest),
    column!("deployed", |plugin| shares(&plugin["released"])),
];
const VERSIONS: &[Column] = &[
    column!("VERSION", "/version"),
    column!("BYTES", "/sizeBytes"),
    column!("IMPORTS", "/imports"),
    column!("REGISTERED", "/registeredAt"),
    column!("BY", "/registeredBy"),
    column!("DIGEST", "/digest"),
];
const REGISTERED: &[Column] = &[
    column!("plugin", "/plugin/name"),
    column!("version", "/version"),
    column!("imports", "/imports"),
    column!("digest", "/digest"),
    column!("id", "/plugin/id"),
];
