//! Registering and deleting plugins.

use super::Draft;
use crate::command::{Changes, Registration};
use crate::plugin::{PLUGINS_MAX, Plugin, PluginVersion, VERSIONS_MAX};
use crate::refusal::{Faults, Refusal};
use crate::release::Release;
use crate::world::Key;
use serde_json::json;
use std::collections::BTreeMap;
use std::sync::Arc;
use switchyard_contract::PluginName;

const DESCRIPTION_CHARS_MAX: usize = 2_000;
const KIND_CHARS_MAX: usize = 63;

/// The same version with the same bytes again is already so; with other bytes it is a conflict.
pub(super) fn register(mut draft: Draft<'_>, new: &Registration) -> Result<Changes, Refusal> {
    texts_fit(new)?;
    let existing = draft.world.plugin(&new.name);
    if let Some(known) = existing.and_then(|plugin| plugin.versions.get(&new.version)) {
        if known.digest == new.digest {
            return draft.already();
        }
        let (name, version) = (&new.name, &new.version);
        return Err(Refusal::conflict(format!(
            "version {version} of plugin {name} has digest {}, the upload has {}: a version never changes, give the \
             new bytes a new version",
            known.digest, new.digest
        )));
    }
    let mut plugin = match existing {
        Some(plugin) => Plugin::clone(plugin),
        None if draft.world.plugins().len() >= PLUGINS_MAX => {
            return Err(Refusal::conflict(format!("there are {PLUGINS_MAX} plugins already, the most there may be")));
        }
        None => first_version_of(&draft, new),
    };
    if plugin.versions.len() >= VERSIONS_MAX {
        let name = &new.name;
        return Err(Refusal::conflict(format!("plugin {name} has {VERSIONS_MAX} versions, the most there may be")));
    }
    plugin.kind.clone_from(&new.kind);
    plugin.description.clone_from(&new.description);
    plugin.versions.insert(new.version.clone(), Arc::new(version_of(&draft, new)));
    draft.put_plugin(plugin);
    let detail = json!({ "version": new.version, "digest": new.digest, "sizeBytes": new.size_bytes });
    draft.done("plugin.register", detail)
}

fn texts_fit(new: &Registration) -> Result<(), Refusal> {
    let mut faults = Faults::default();
    if new.description.chars().count() > DESCRIPTION_CHARS_MAX {
        faults.invalid("/description", format!("a description has at most {DESCRIPTION_CHARS_MAX} characters"));
    }
    if new.kind.chars().count() > KIND_CHARS_MAX {
        faults.invalid("/type", format!("a type has at most {KIND_CHARS_MAX} characters"));
    }
    faults.verdict()
}

fn first_version_of(draft: &Draft<'_>, new: &Registration) -> Plugin {
    Plugin {
        id: new.new_id,
        generation: draft.next,
        name: new.name.clone(),
        kind: String::new(),
        description: String::new(),
        created_at_unix_ms: draft.now_unix_ms,
        versions: BTreeMap::new(),
        salt: new.salt,
        release: Release::default(),
    }
}

fn version_of(draft: &Draft<'_>, new: &Registration) -> PluginVersion {
    PluginVersion {
        digest: new.digest,
        size_bytes: new.size_bytes,
        imports: new.imports.clone(),
        manifest: new.manifest.clone(),
        registered_at_unix_ms: draft.now_unix_ms,
        registered_by: draft.by().to_owned(),
        traceparent: new.traceparent.clone(),
    }
}

pub(super) fn delete(mut draft: Draft<'_>, name: &PluginName) -> Result<Changes, Refusal> {
    let plugin = draft.plugin(name)?;
    let mut faults = Faults::default();
    for tenant in draft.world.tenants().values().filter(|tenant| tenant.binding(name).is_some()) {
        faults.conflict("", format!("tenant {} has plugin {name} on its path: take it off first", tenant.id));
    }
    faults.verdict()?;
    let versions: Vec<_> = plugin.versions.keys().collect();
    let detail = json!({ "versions": versions });
    draft.drop_resource(Key::Plugin(name.clone()));
    draft.done("plugin.delete", detail)
}
