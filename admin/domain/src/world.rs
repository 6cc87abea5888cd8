//! Everything that is true, with its generation. Cheap to clone: what did not change is shared.

use crate::deployment::Deployment;
use crate::plugin::Plugin;
use crate::tenant::Tenant;
use crate::token::Token;
use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;
use switchyard_contract::{Generation, Host, PluginName, TenantId};
use uuid::Uuid;

#[derive(Debug, Clone, Default, PartialEq)]
pub struct World {
    pub generation: Generation,
    plugins: Arc<BTreeMap<PluginName, Arc<Plugin>>>,
    tenants: Arc<BTreeMap<TenantId, Arc<Tenant>>>,
    /// Ids are time-ordered: the oldest first.
    deployments: Arc<BTreeMap<Uuid, Arc<Deployment>>>,
    tokens: Arc<BTreeMap<Uuid, Arc<Token>>>,
    /// Derived from the tenants.
    hosts: Arc<BTreeMap<Host, TenantId>>,
}

/// One thing of the world: what a document of the store holds.
#[derive(Debug, Clone, PartialEq)]
pub enum Resource {
    Plugin(Arc<Plugin>),
    Tenant(Arc<Tenant>),
    Deployment(Arc<Deployment>),
    Token(Arc<Token>),
}

/// The name of a resource.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Key {
    Plugin(PluginName),
    Tenant(TenantId),
    Deployment(Uuid),
    Token(Uuid),
}

#[derive(Debug, Clone, PartialEq)]
pub enum Change {
    Put(Resource),
    Drop(Key),
}

impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Plugin(name) => write!(f, "plugin {name}"),
            Self::Tenant(id) => write!(f, "tenant {id}"),
            Self::Deployment(id) => write!(f, "deployment {id}"),
            Self::Token(id) => write!(f, "token {id}"),
        }
    }
}

impl Resource {
    pub fn key(&self) -> Key {
        match self {
            Self::Plugin(plugin) => Key::Plugin(plugin.name.clone()),
            Self::Tenant(tenant) => Key::Tenant(tenant.id.clone()),
            Self::Deployment(deployment) => Key::Deployment(deployment.id),
            Self::Token(token) => Key::Token(token.id),
        }
    }
    /// The generation that last changed it.
    pub fn generation(&self) -> Generation {
        match self {
            Self::Plugin(plugin) => plugin.generation,
            Self::Tenant(tenant) => tenant.generation,
            Self::Deployment(deployment) => deployment.generation,
            Self::Token(token) => token.generation,
        }
    }
}

impl World {
    pub fn plugin(&self, name: &PluginName) -> Option<&Arc<Plugin>> {
        self.plugins.get(name)
    }
    pub fn tenant(&self, id: &TenantId) -> Option<&Arc<Tenant>> {
        self.tenants.get(id)
    }
    pub fn deployment(&self, id: Uuid) -> Option<&Arc<Deployment>> {
        self.deployments.get(&id)
    }
    pub fn token(&self, id: Uuid) -> Option<&Arc<Token>> {
        self.tokens.get(&id)
    }
    pub fn plugins(&self) -> &BTreeMap<PluginName, Arc<Plugin>> {
        &self.plugins
    }
    /// The same allocation for as long as no plugin changes.
    pub(crate) fn shared_plugins(&self) -> &Arc<BTreeMap<PluginName, Arc<Plugin>>> {
        &self.plugins
    }
    pub fn tenants(&self) -> &BTreeMap<TenantId, Arc<Tenant>> {
        &self.tenants
    }
    pub fn deployments(&self) -> &BTreeMap<Uuid, Arc<Deployment>> {
        &self.deployments
    }
    pub fn tokens(&self) -> &BTreeMap<Uuid, Arc<Token>> {
        &self.tokens
    }
    pub fn hosts(&self) -> &BTreeMap<Host, TenantId> {
        &self.hosts
    }

    /// The generation that last changed a resource; `None` where it does not exist.
    pub fn generation_of(&self, key: &Key) -> Option<Generation> {
        match key {
            Key::Plugin(name) => self.plugin(name).map(|plugin| plugin.generation),
            Key::Tenant(id) => self.tenant(id).map(|tenant| tenant.generation),
            Key::Deployment(id) => self.deployment(*id).map(|deployment| deployment.generation),
            Key::Token(id) => self.token(*id).map(|token| token.generation),
        }
    }

    /// The tenant that answers for a host: its exact name, else the longest wildcard above it.
    pub fn tenant_of_host(&self, host: &str) -> Option<&Arc<Tenant>> {
        let owner = |name: &str| self.hosts.get(&name.parse::<Host>().ok()?);
        let mut rest = host;
        let id = owner(host).or_else(|| {
            loop {
                rest = rest.split_once('.')?.1;
                if let Some(owner) = owner(&format!("*.{rest}")) {
                    return Some(owner);
                }
            }
        })?;
        self.tenant(id)
    }

    /// The world after these changes. The generation is the caller's to set: a world that is being
    /// loaded gets all its resources first.
    pub fn apply(&mut self, change: &Change) {
        match change {
            Change::Put(resource) => self.put(resource),
            Change::Drop(key) => self.remove(key),
        }
    }

    fn put(&mut self, resource: &Resource) {
        match resource {
            Resource::Plugin(plugin) => {
                Arc::make_mut(&mut self.plugins).insert(plugin.name.clone(), plugin.clone());
            }
            Resource::Tenant(tenant) => {
                let before = Arc::make_mut(&mut self.tenants).insert(tenant.id.clone(), tenant.clone());
                let hosts_before = before.as_deref().map_or(&[][..], |before| &before.hosts);
                if hosts_before != tenant.hosts {
                    let hosts = Arc::make_mut(&mut self.hosts);
                    hosts_before.iter().for_each(|host| drop(hosts.remove(host)));
                    hosts.extend(tenant.hosts.iter().map(|host| (host.clone(), tenant.id.clone())));
                }
            }
            Resource::Deployment(deployment) => {
                Arc::make_mut(&mut self.deployments).insert(deployment.id, deployment.clone());
            }
            Resource::Token(token) => {
                Arc::make_mut(&mut self.tokens).insert(token.id, token.clone());
            }
        }
    }

    fn remove(&mut self, key: &Key) {
        match key {
            Key::Plugin(name) => drop(Arc::make_mut(&mut self.plugins).remove(name)),
            Key::Tenant(id) => {
                if let Some(tenant) = Arc::make_mut(&mut self.tenants).remove(id) {
                    let hosts = Arc::make_mut(&mut self.hosts);
                    tenant.hosts.iter().for_each(|host| drop(hosts.remove(host)));
                }
            }
            Key::Deployment(id) => drop(Arc::make_mut(&mut self.deployments).remove(id)),
            Key::Token(id) => drop(Arc::make_mut(&mut self.tokens).remove(id)),
        }
    }
}
