//! Who acts, and what a role may do. The answer is given in one place, before any command is
//! looked at, so that no command can forget to ask.

use crate::command::Command;
use crate::refusal::Refusal;
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;
use switchyard_contract::TenantId;

/// What the installation is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Environment {
    Development,
    QA,
    Staging,
    Production,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "role", deny_unknown_fields)]
pub enum Role {
    /// Everything.
    Admin,
    /// Uploads anywhere; deploys and rolls back in Development and QA.
    Developer,
    /// Configures the plugins of its own tenants, and sees no others.
    TenantOwner { tenants: BTreeSet<TenantId> },
    /// Reads.
    Viewer,
}

/// Someone whose token was verified, or the control plane's own engines.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Principal {
    /// What the audit log shows.
    pub name: String,
    pub role: Option<Role>,
}

impl Principal {
    pub fn new(name: impl Into<String>, role: Role) -> Self {
        Self { name: name.into(), role: Some(role) }
    }
    /// The control plane itself: it records what became true, and decides nothing else.
    pub fn engine() -> Self {
        Self { name: "switchyard".to_owned(), role: None }
    }
    pub fn sees_tenant(&self, tenant: &TenantId) -> bool {
        match &self.role {
            Some(Role::TenantOwner { tenants }) => tenants.contains(tenant),
            _ => true,
        }
    }
    /// Whether installation-wide matters (nodes, audit) are open to it.
    pub fn sees_installation(&self) -> bool {
        !matches!(self.role, Some(Role::TenantOwner { .. }))
    }
    pub fn is_admin(&self) -> bool {
        matches!(self.role, Some(Role::Admin))
    }

    /// `NotFound` for what it may not see, `Forbidden` for what it may see but not do.
    pub fn authorize(&self, command: &Command, environment: Environment) -> Result<(), Refusal> {
        if let Some(tenant) = command.tenant().filter(|tenant| !self.sees_tenant(tenant)) {
            return Err(Refusal::not_found(format_args!("tenant {tenant}")));
        }
        if self.may(command, environment) {
            return Ok(());
        }
        let role = self.role_name();
        Err(Refusal::forbidden(format!("{} is {role}: it may not {} in {environment:?}", self.name, command.purpose())))
    }

    fn may(&self, command: &Command, environment: Environment) -> bool {
        let outcome = matches!(command, Command::Settle { .. });
        match &self.role {
            None => outcome,
            Some(Role::Admin) => !outcome,
            Some(Role::Developer) => match command {
                Command::RegisterVersion(_) => true,
                Command::Deploy(_)
                | Command::Reweigh { .. }
                | Command::RollBack { .. }
                | Command::RollBackPlugin { .. } => {
                    matches!(environment, Environment::Development | Environment::QA)
                }
                _ => false,
            },
            Some(Role::TenantOwner { .. }) => matches!(
                command,
                Command::Bind { .. }
                    | Command::Unbind { .. }
                    | Command::Enable { .. }
                    | Command::Disable { .. }
                    | Command::Pin { .. }
                    | Command::Unpin { .. }
            ),
            Some(Role::Viewer) => false,
        }
    }

    /// Asked before an upload is read; `authorize` asks again for the command itself.
    pub fn may_register(&self) -> Result<(), Refusal> {
        if matches!(self.role, Some(Role::Admin | Role::Developer)) {
            return Ok(());
        }
        Err(Refusal::forbidden(format!("{} is {}: it may not register plugins", self.name, self.role_name())))
    }

    pub fn role_name(&self) -> &'static str {
        match &self.role {
            None => "an engine",
            Some(Role::Admin) => "Admin",
            Some(Role::Developer) => "Developer",
            Some(Role::TenantOwner { .. }) => "TenantOwner",
            Some(Role::Viewer) => "Viewer",
        }
    }
}
