//! Tries a tenant's configuration in the filter itself before it is committed: an operator hears
//! why `configure` refuses at once, not from a node afterwards.

use super::App;
use crate::intake;
use std::sync::Arc;
use switchyard_contract::{Digest, TenantId, Version};
use switchyard_domain::plugin::Choice;
use switchyard_domain::tenant::Bound;
use switchyard_domain::{Reason, Refusal};
use switchyard_runtime::BindingSpec;

impl App {
    /// `bindings` with the JSON pointer each stands at. Bindings that the rules will refuse anyway
    /// are left to them.
    pub async fn check_bindings(&self, tenant: &TenantId, bindings: &[(String, Bound)]) -> Result<(), Refusal> {
        let mut reasons = Vec::new();
        for (pointer, bound) in bindings.iter().filter(|(_, bound)| bound.enabled) {
            for (version, digest) in self.versions(tenant, bound) {
                let spec = BindingSpec {
                    tenant: tenant.clone(),
                    plugin: bound.plugin.clone(),
                    version: version.clone(),
                    config: bound.config.clone(),
                    isolation: bound.isolation,
                    limits: bound.limits.clone(),
                };
                if let Err(reason) = self.try_binding(digest, spec).await {
                    let reason = format!("{} {version}: {reason}", bound.plugin);
                    reasons.push(Reason::at(format!("{pointer}/config"), reason));
                }
            }
        }
        if reasons.is_empty() { Ok(()) } else { Err(Refusal::invalid(reasons)) }
    }

    fn versions(&self, tenant: &TenantId, bound: &Bound) -> Vec<(Version, Digest)> {
        let world = self.world();
        let Some(plugin) = world.plugin(&bound.plugin) else { return Vec::new() };
        match plugin.choice(tenant, bound.pin.as_ref()) {
            Some(Choice::Pinned { version, digest }) => vec![(version.clone(), digest)],
            Some(Choice::Released(layer)) => {
                layer.split.arms.iter().map(|arm| (arm.version.clone(), arm.digest)).collect()
            }
            None => Vec::new(),
        }
    }

    async fn try_binding(&self, digest: Digest, spec: BindingSpec) -> Result<(), String> {
        let module = match self.runtime().cached(digest) {
            Some(module) => module,
            None => {
                let bytes = self.artifacts().read(digest).await.map_err(|error| error.to_string())?;
                intake::load(self.runtime(), digest, Arc::new(bytes)).await.map_err(|reasons| reasons.join("; "))?
            }
        };
        intake::prepare(self.runtime(), module, spec).await.map(drop).map_err(|error| error.to_string())
    }
}
