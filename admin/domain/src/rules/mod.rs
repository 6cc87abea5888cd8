//! The rules, one file per kind of command. Each reads the world and drafts changes; none of them
//! changes anything.

mod binding;
mod deploy;
mod plugin;
mod rollback;
mod tenant;
mod token;
mod upstream;

use crate::UnixMs;
use crate::command::{Changes, Command, Context};
use crate::deployment::Deployment;
use crate::plugin::Plugin;
use crate::refusal::Refusal;
use crate::tenant::Tenant;
use crate::token::Token;
use crate::world::{Change, Key, Resource, World};
use std::sync::Arc;
use switchyard_contract::{Generation, PluginName, TenantId};
use uuid::Uuid;

pub(crate) fn dispatch(world: &World, command: &Command, context: &Context) -> Result<Changes, Refusal> {
    let draft = Draft::new(world, command, context);
    match command {
        Command::RegisterVersion(registration) => plugin::register(draft, registration),
        Command::DeletePlugin { plugin } => plugin::delete(draft, plugin),
        Command::CreateTenant(spec) => tenant::create(draft, spec),
        Command::PutTenant(spec) => tenant::put(draft, spec),
        Command::DeleteTenant { tenant } => tenant::delete(draft, tenant),
        Command::Bind { tenant, plugin, setting } => binding::bind(draft, tenant, plugin, setting),
        Command::Unbind { tenant, plugin } => binding::unbind(draft, tenant, plugin),
        Command::Enable { tenant, plugin } => binding::enable(draft, tenant, plugin),
        Command::Disable { tenant, plugin } => binding::disable(draft, tenant, plugin),
        Command::Pin { tenant, plugin, version } => binding::pin(draft, tenant, plugin, version),
        Command::Unpin { tenant, plugin } => binding::unpin(draft, tenant, plugin),
        Command::Deploy(deploy) => deploy::deploy(draft, deploy),
        Command::Reweigh { deployment, arms } => deploy::reweigh(draft, *deployment, arms),
        Command::Settle { deployment, effective, outcome } => deploy::settle(draft, *deployment, *effective, outcome),
        Command::RollBack { deployment, reason } => rollback::deployment(draft, *deployment, reason),
        Command::RollBackPlugin { plugin, reason } => rollback::plugin(draft, plugin, reason),
        Command::CreateToken(token) => token::create(draft, token),
        Command::RevokeToken { token } => token::revoke(draft, *token),
    }
}

/// The changes of one command while they are gathered.
pub(crate) struct Draft<'a> {
    pub(crate) world: &'a World,
    pub(crate) context: &'a Context,
    pub(crate) now_unix_ms: UnixMs,
    /// The generation of whatever is put.
    pub(crate) next: Generation,
    list: Vec<Change>,
    subject: Key,
}

impl<'a> Draft<'a> {
    fn new(world: &'a World, command: &Command, context: &'a Context) -> Self {
        Self {
            world,
            context,
            now_unix_ms: context.now_unix_ms,
            next: Generation(world.generation.0 + 1),
            list: Vec::new(),
            subject: command.subject(),
        }
    }

    pub(crate) fn by(&self) -> &'a str {
        &self.context.actor.name
    }
    pub(crate) fn about(&mut self, subject: Key) {
        self.subject = subject;
    }
    pub(crate) fn plugin(&self, name: &PluginName) -> Result<&'a Arc<Plugin>, Refusal> {
        self.world.plugin(name).ok_or_else(|| Refusal::not_found(format_args!("plugin {name}")))
    }
    pub(crate) fn tenant(&self, id: &TenantId) -> Result<&'a Arc<Tenant>, Refusal> {
        self.world.tenant(id).ok_or_else(|| Refusal::not_found(format_args!("tenant {id}")))
    }
    pub(crate) fn deployment(&self, id: Uuid) -> Result<&'a Arc<Deployment>, Refusal> {
        self.world.deployment(id).ok_or_else(|| Refusal::not_found(format_args!("deployment {id}")))
    }

    pub(crate) fn put_plugin(&mut self, mut plugin: Plugin) {
        plugin.generation = self.next;
        self.list.push(Change::Put(Resource::Plugin(Arc::new(plugin))));
    }
    pub(crate) fn put_tenant(&mut self, mut tenant: Tenant) {
        tenant.generation = self.next;
        tenant.updated_at_unix_ms = self.now_unix_ms;
        self.list.push(Change::Put(Resource::Tenant(Arc::new(tenant))));
    }
    pub(crate) fn put_deployment(&mut self, mut deployment: Deployment) {
        deployment.generation = self.next;
        self.list.push(Change::Put(Resource::Deployment(Arc::new(deployment))));
    }
    pub(crate) fn put_token(&mut self, mut token: Token) {
        token.generation = self.next;
        self.list.push(Change::Put(Resource::Token(Arc::new(token))));
    }
    pub(crate) fn drop_resource(&mut self, key: Key) {
        self.list.push(Change::Drop(key));
    }

    /// The command is carried out by these changes.
    pub(crate) fn done(self, action: &'static str, detail: serde_json::Value) -> Result<Changes, Refusal> {
        let Self { next: generation, list, subject, .. } = self;
        Ok(Changes { generation, list, subject, action, detail })
    }
    /// What the command asks for is so already.
    pub(crate) fn already(self) -> Result<Changes, Refusal> {
        let generation = self.world.generation;
        let detail = serde_json::Value::Null;
        Ok(Changes { generation, list: Vec::new(), subject: self.subject, action: "nothing", detail })
    }
}
