//! `/explain`: which version of each filter would serve a request, and why.

use super::Problem;
use super::names;
use super::view::{ArmView, arm_views};
use crate::api::address::Parameters;
use crate::app::App;
use crate::auth::Actor;
use axum::Json;
use axum::extract::State;
use serde::{Deserialize, Serialize};
use std::net::IpAddr;
use switchyard_contract::seed::Seed;
use switchyard_contract::snapshot::Stickiness;
use switchyard_contract::split::{BUCKETS, Split, bucket};
use switchyard_contract::{PluginName, TenantId, Version};
use switchyard_domain::plugin::Choice;
use switchyard_domain::render::{served, split_of};

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Question {
    host: String,
    /// Value of the cookie a binding is sticky by.
    cookie: Option<String>,
    /// Value of the header a binding is sticky by.
    header: Option<String>,
    /// Address of the client.
    address: Option<IpAddr>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Explanation {
    host: String,
    tenant: TenantId,
    generation: u64,
    /// In the order in which a request passes them.
    filters: Vec<FilterView>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct FilterView {
    plugin: PluginName,
    /// The one version that serves the request; absent where it depends on a key that was not given.
    #[serde(skip_serializing_if = "Option::is_none")]
    version: Option<Version>,
    versions: Vec<ArmView>,
    why: String,
}

pub async fn explain(
    actor: Actor,
    State(app): State<App>,
    Parameters(asked): Parameters<Question>,
) -> Result<Json<Explanation>, Problem> {
    let world = app.world();
    let host = without_port(&asked.host).to_ascii_lowercase();
    let tenant = world.tenant_of_host(&host).filter(|tenant| actor.principal().sees_tenant(&tenant.id));
    let tenant = tenant.ok_or_else(|| names::missing("tenant with host", &host))?;
    let filters = served(&world, tenant).map(|(bound, choice, salt)| {
        let split = split_of(&choice, salt);
        let hash = asked.hash(&bound.stickiness, Seed::new(&tenant.id, split.salt));
        let (version, how) = which(&split, hash);
        let source = match &choice {
            Choice::Pinned { .. } => "the tenant pins this version".to_owned(),
            Choice::Released(layer) => format!("deployment {}", layer.deployment),
        };
        let plugin = bound.plugin.clone();
        FilterView { plugin, version, versions: arm_views(&split.arms), why: format!("{source}; {how}") }
    });
    Ok(Json(Explanation {
        host: asked.host.clone(),
        tenant: tenant.id.clone(),
        generation: world.generation.0,
        filters: filters.collect(),
    }))
}

fn without_port(host: &str) -> &str {
    match host.rsplit_once(':') {
        Some((name, port)) if port.bytes().all(|b| b.is_ascii_digit()) => name,
        _ => host,
    }
}

impl Question {
    /// The same choice of key as on the request path: cookie, else header, else client address, as
    /// far as the binding wants them.
    fn hash(&self, stickiness: &Stickiness, seed: Seed) -> Option<u64> {
        let cookie = self.cookie.as_ref().filter(|_| stickiness.cookie.is_some());
        let header = self.header.as_ref().filter(|_| stickiness.header.is_some());
        match cookie.or(header).filter(|key| !key.is_empty()) {
            Some(key) => Some(seed.hash(key.as_bytes())),
            None => self.address.filter(|_| stickiness.client_address).map(|address| seed.hash_address(address)),
        }
    }
}

fn which(split: &Split, hash: Option<u64>) -> (Option<Version>, String) {
    if let [only] = split.arms.as_slice() {
        return (Some(only.version.clone()), "every request".to_owned());
    }
    let Some(hash) = hash else {
        return (None, "by the key of the request; without one, by chance".to_owned());
    };
    let bucket = bucket(hash);
    let arm = split.arm_index(bucket).and_then(|arm| split.arms.get(arm));
    (arm.map(|arm| arm.version.clone()), format!("the key falls into bucket {bucket} of {BUCKETS}"))
}
