//! Resources as documents and back.

use crate::store::{Document, StoreError, Write};
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::sync::Arc;
use switchyard_domain::{Change, Key, Resource, World};

const PLUGIN: &str = "plugin";
const TENANT: &str = "tenant";
const DEPLOYMENT: &str = "deployment";
const TOKEN: &str = "token";

/// `world` is the one the change was decided on: it knows the generation to compare with.
pub(super) fn write(world: &World, change: &Change) -> Result<Write, StoreError> {
    match change {
        Change::Put(resource) => {
            let expected = world.generation_of(&resource.key()).map(|generation| generation.0);
            Ok(Write::Put { document: document(resource)?, expected })
        }
        Change::Drop(key) => {
            let expected = world.generation_of(key).map_or(0, |generation| generation.0);
            let (kind, id) = name(key);
            Ok(Write::Delete { kind: kind.to_owned(), id, expected })
        }
    }
}

fn name(key: &Key) -> (&'static str, String) {
    match key {
        Key::Plugin(name) => (PLUGIN, name.to_string()),
        Key::Tenant(id) => (TENANT, id.to_string()),
        Key::Deployment(id) => (DEPLOYMENT, id.to_string()),
        Key::Token(id) => (TOKEN, id.to_string()),
    }
}

fn document(resource: &Resource) -> Result<Document, StoreError> {
    let (kind, id) = name(&resource.key());
    let body = match resource {
        Resource::Plugin(plugin) => text(plugin),
        Resource::Tenant(tenant) => text(tenant),
        Resource::Deployment(deployment) => text(deployment),
        Resource::Token(token) => text(token),
    };
    let body = body.map_err(|error| StoreError::Corrupt(format!("{kind} {id} cannot be written: {error}")))?;
    Ok(Document { kind: kind.to_owned(), id, generation: resource.generation().0, body })
}

fn text<T: Serialize>(value: &Arc<T>) -> Result<String, serde_json::Error> {
    serde_json::to_string(value.as_ref())
}

pub(super) fn resource(document: &Document) -> Result<Resource, StoreError> {
    match document.kind.as_str() {
        PLUGIN => parsed(document).map(Resource::Plugin),
        TENANT => parsed(document).map(Resource::Tenant),
        DEPLOYMENT => parsed(document).map(Resource::Deployment),
        TOKEN => parsed(document).map(Resource::Token),
        other => Err(StoreError::Corrupt(format!("a document of unknown kind {other:?}"))),
    }
}

fn parsed<T: DeserializeOwned>(document: &Document) -> Result<Arc<T>, StoreError> {
    let Document { kind, id, body, .. } = document;
    let value = serde_json::from_str(body);
    value.map(Arc::new).map_err(|error| StoreError::Corrupt(format!("{kind} {id}: {error}")))
}
