//! What may be asked of the world, and the one door through which it is asked.

mod parts;

pub use parts::{BindingSetting, Deploy, NewToken, Registration, Share};

use crate::UnixMs;
use crate::deployment::Outcome;
use crate::refusal::Refusal;
use crate::role::{Environment, Principal};
use crate::rules;
use crate::tenant::TenantSpec;
use crate::world::{Change, Key, World};
use switchyard_contract::{Generation, PluginName, TenantId, Version};
use uuid::Uuid;

/// What surrounds a command.
#[derive(Debug, Clone)]
pub struct Context {
    pub now_unix_ms: UnixMs,
    pub actor: Principal,
    pub environment: Environment,
    /// The generation the subject must have (`If-Match`).
    pub expect: Option<Generation>,
}

#[derive(Debug, Clone)]
pub enum Command {
    RegisterVersion(Registration),
    DeletePlugin {
        plugin: PluginName,
    },
    CreateTenant(TenantSpec),
    /// Creates or replaces.
    PutTenant(TenantSpec),
    DeleteTenant {
        tenant: TenantId,
    },
    /// Puts a plugin on a tenant's path, or changes how it stands there.
    Bind {
        tenant: TenantId,
        plugin: PluginName,
        setting: BindingSetting,
    },
    Unbind {
        tenant: TenantId,
        plugin: PluginName,
    },
    Enable {
        tenant: TenantId,
        plugin: PluginName,
    },
    Disable {
        tenant: TenantId,
        plugin: PluginName,
    },
    Pin {
        tenant: TenantId,
        plugin: PluginName,
        version: Version,
    },
    Unpin {
        tenant: TenantId,
        plugin: PluginName,
    },
    Deploy(Deploy),
    /// Other shares for a deployment that serves.
    Reweigh {
        deployment: Uuid,
        arms: Vec<Share>,
    },
    RollBack {
        deployment: Uuid,
        reason: String,
    },
    /// Takes back the newest deployment of a plugin.
    RollBackPlugin {
        plugin: PluginName,
        reason: String,
    },
    CreateToken(NewToken),
    RevokeToken {
        token: Uuid,
    },
    /// Records what the nodes made of a deployment's choice of generation `effective`.
    Settle {
        deployment: Uuid,
        effective: Generation,
        outcome: Outcome,
    },
}

/// What makes a command true.
#[derive(Debug, Clone, PartialEq)]
pub struct Changes {
    /// The generation of the world after them.
    pub generation: Generation,
    /// Empty: what was asked for is already so.
    pub list: Vec<Change>,
    /// What the command was about, to be looked up afterwards.
    pub subject: Key,
    /// The audit log's verb and what it says beside it.
    pub action: &'static str,
    pub detail: serde_json::Value,
}

/// Decides a command. Asks first whether the actor may, then whether the actor looked at the
/// present state, then the rules.
pub fn decide(world: &World, command: &Command, context: &Context) -> Result<Changes, Refusal> {
    context.actor.authorize(command, context.environment)?;
    if let Some(expected) = context.expect {
        unchanged_since(world, &command.subject(), expected)?;
    }
    rules::dispatch(world, command, context)
}

fn unchanged_since(world: &World, subject: &Key, expected: Generation) -> Result<(), Refusal> {
    match world.generation_of(subject) {
        Some(found) if found == expected => Ok(()),
        Some(found) => Err(Refusal::conflict(format!(
            "{subject} is at generation {found}, If-Match asked for {expected}: read it again and decide anew"
        ))),
        None => Err(Refusal::conflict(format!("{subject} does not exist, If-Match asked for generation {expected}"))),
    }
}

impl Command {
    /// The resource an `If-Match` speaks of.
    pub fn subject(&self) -> Key {
        match self {
            Self::RegisterVersion(registration) => Key::Plugin(registration.name.clone()),
            Self::DeletePlugin { plugin } | Self::RollBackPlugin { plugin, .. } => Key::Plugin(plugin.clone()),
            Self::CreateTenant(spec) | Self::PutTenant(spec) => Key::Tenant(spec.id.clone()),
            Self::DeleteTenant { tenant }
            | Self::Bind { tenant, .. }
            | Self::Unbind { tenant, .. }
            | Self::Enable { tenant, .. }
            | Self::Disable { tenant, .. }
            | Self::Pin { tenant, .. }
            | Self::Unpin { tenant, .. } => Key::Tenant(tenant.clone()),
            Self::Deploy(deploy) => Key::Plugin(deploy.plugin.clone()),
            Self::Reweigh { deployment, .. } | Self::RollBack { deployment, .. } | Self::Settle { deployment, .. } => {
                Key::Deployment(*deployment)
            }
            Self::CreateToken(token) => Key::Token(token.id),
            Self::RevokeToken { token } => Key::Token(*token),
        }
    }

    /// The tenant it is about, where it is about one.
    pub(crate) fn tenant(&self) -> Option<&TenantId> {
        match self {
            Self::CreateTenant(spec) | Self::PutTenant(spec) => Some(&spec.id),
            Self::DeleteTenant { tenant }
            | Self::Bind { tenant, .. }
            | Self::Unbind { tenant, .. }
            | Self::Enable { tenant, .. }
            | Self::Disable { tenant, .. }
            | Self::Pin { tenant, .. }
            | Self::Unpin { tenant, .. } => Some(tenant),
            _ => None,
        }
    }

    /// What it does, after "may not".
    pub(crate) fn purpose(&self) -> &'static str {
        match self {
            Self::RegisterVersion(_) => "register plugins",
            Self::DeletePlugin { .. } => "delete plugins",
            Self::CreateTenant(_) | Self::PutTenant(_) => "create or replace tenants",
            Self::DeleteTenant { .. } => "delete tenants",
            Self::Bind { .. } | Self::Unbind { .. } | Self::Enable { .. } | Self::Disable { .. } => {
                "configure plugins of tenants"
            }
            Self::Pin { .. } | Self::Unpin { .. } => "pin versions",
            Self::Deploy(_) | Self::Reweigh { .. } => "deploy",
            Self::RollBack { .. } | Self::RollBackPlugin { .. } => "roll back",
            Self::CreateToken(_) | Self::RevokeToken { .. } => "create or revoke tokens",
            Self::Settle { .. } => "record outcomes",
        }
    }
}
