//! Taking a deployment back: its layer goes, what lay beneath shows again. Nothing has to be
//! fetched or compiled for that; the nodes still hold it.

use super::{Draft, deploy};
use crate::command::Changes;
use crate::deployment::{Deployment, EventKind};
use crate::plugin::Plugin;
use crate::refusal::{Faults, Refusal};
use crate::release::Release;
use crate::world::{Key, World};
use serde_json::json;
use switchyard_contract::PluginName;
use uuid::Uuid;

const REASON_CHARS_MAX: usize = 500;

/// Takes back the newest deployment of a plugin.
pub(super) fn plugin(draft: Draft<'_>, name: &PluginName, reason: &str) -> Result<Changes, Refusal> {
    let Some(top) = draft.plugin(name)?.release.top() else {
        return Err(Refusal::conflict(format!("plugin {name} has no deployment that could be rolled back")));
    };
    deployment(draft, top.deployment, reason)
}

/// A deployment that is rolled back already stays so.
pub(super) fn deployment(mut draft: Draft<'_>, id: Uuid, reason: &str) -> Result<Changes, Refusal> {
    let before = draft.deployment(id)?;
    draft.about(Key::Deployment(id));
    if before.rolled_back {
        return draft.already();
    }
    let mut faults = Faults::default();
    if reason.chars().count() > REASON_CHARS_MAX {
        faults.invalid("/reason", format!("a reason has at most {REASON_CHARS_MAX} characters"));
    }
    faults.verdict()?;
    let (plugin, layer) = deploy::serving_layer(&draft, before)?;
    if layer.is_floor {
        return Err(Refusal::conflict(format!(
            "what deployment {id} replaced is not kept any more: deploy the version you want"
        )));
    }
    let release = plugin.release.without(id);
    everyone_is_served(draft.world, plugin, &release)?;
    let back_to = release.basis(&layer.scope).map(|layer| &layer.split.arms);
    let detail = json!({ "plugin": plugin.name, "reason": reason, "backTo": back_to });
    let after = Plugin { release, ..Plugin::clone(plugin) };
    let mut rolled_back = Deployment::clone(before);
    rolled_back.rolled_back = true;
    rolled_back.effective = draft.next;
    rolled_back.record(draft.now_unix_ms, draft.by(), EventKind::RolledBack { reason: reason.to_owned() });
    draft.put_plugin(after);
    draft.put_deployment(rolled_back);
    draft.done("deployment.rollback", detail)
}

/// No tenant may be left with a plugin on its path and no version of it.
fn everyone_is_served(world: &World, plugin: &Plugin, release: &Release) -> Result<(), Refusal> {
    let name = &plugin.name;
    let mut faults = Faults::default();
    for tenant in world.tenants().values() {
        let follows = tenant.binding(name).is_some_and(|bound| bound.enabled && bound.pin.is_none());
        if follows && release.serving(&tenant.id).is_none() {
            let reason = format!(
                "nothing was deployed before for tenant {}: disable plugin {name} there, pin a version, or deploy another",
                tenant.id
            );
            faults.conflict("", reason);
        }
    }
    faults.verdict()
}
