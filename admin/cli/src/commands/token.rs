//! `switchyard token`: who may use the admin API.

use super::Context;
use crate::column;
use crate::failure::Failure;
use crate::output::{Column, fields, items, plain, table};
use clap::{Subcommand, ValueEnum};
use serde_json::{Map, Value, json};

#[derive(Debug, Subcommand)]
pub enum Command {
    /// Create a token; its secret is shown once and never again
    Create {
        /// What the audit log shows as the actor
        name: String,
        #[arg(long, value_enum)]
        role: Role,
        /// A tenant the role is for; only with tenant-owner, may be given again
        #[arg(long = "tenant", value_name = "TENANT", required_if_eq("role", "tenant-owner"))]
        tenants: Vec<String>,
    },
    /// List tokens without their secrets
    List,
    /// Revoke a token; it stops working at once
    Revoke { id: String },
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Role {
    /// Everything
    Admin,
    /// Uploads; deploys and rolls back in Development and QA
    Developer,
    /// Configures the plugins of its own tenants, and sees no others
    TenantOwner,
    /// Reads
    Viewer,
}

impl Role {
    /// As the API names it.
    fn name(self) -> &'static str {
        match self {
            Self::Admin => "Admin",
            Self::Developer => "Developer",
            Self::TenantOwner => "TenantOwner",
            Self::Viewer => "Viewer",
        }
    }
}

pub async fn run(command: Command, context: &Context) -> Result<(), Failure> {
    let Context { client, output } = context;
    match command {
        Command::Create { name, role, tenants } => {
            let mut body = Map::new();
            body.insert("name".to_owned(), json!(name));
            body.insert("role".to_owned(), json!(role.name()));
            if !tenants.is_empty() {
                body.insert("tenants".to_owned(), json!(tenants));
            }
            let answer = client.post(&format!("create token {name}"), &["tokens"], &[], &Value::Object(body)).await?;
            output.answer(&answer, |answer| {
                format!(
                    "{}\nKeep the token now: it is not stored and cannot be shown again.\n",
                    fields(answer, CREATED)
                )
            })
        }
        Command::List => {
            let answer = client.list("list tokens", &["tokens"], usize::MAX).await?;
            output.answer(&answer, |answer| table(items(answer), TOKENS, "no tokens"))
        }
        Command::Revoke { id } => {
            let answer = client.delete(&format!("revoke token {id}"), &["tokens", &id]).await?;
            output.answer(&answer, |_| format!("revoked {}\n", plain(&json!(id))))
        }
    }
}

const CREATED: &[Column] =
    &[column!("token", "/token"), column!("id", "/id"), column!("name", "/name"), column!("role", "/role")];
const TOKENS: &[Column] = &[
    column!("ID", "/id"),
    column!("NAME", "/name"),
    column!("ROLE", "/role"),
    column!("TENANTS", "/tenants"),
    column!("EXPIRES", "/expiresAt"),
    column!("REVOKED", "/revokedAt"),
];
