//! `POST /plugins`: a version of a plugin as multipart/form-data. Part `artifact` is the component;
//! `manifest` (TOML) and `config` (JSON) are checks the uploader asks for.

use super::conditions::Conditions;
use super::view::{PluginView, VersionView};
use super::{Problem, answer, names};
use crate::app::{App, Order, Reply};
use crate::artifacts::Staged;
use crate::auth::Actor;
use crate::intake::{self, Accepted, Claims};
use axum::extract::State;
use axum::extract::multipart::{Field, Multipart, MultipartError, MultipartRejection};
use axum::response::Response;
use http::StatusCode;
use rand::RngExt;
use serde::Serialize;
use serde_json::json;
use std::sync::Arc;
use switchyard_domain::command::Registration;
use switchyard_domain::{Changes, Command, Reason, World};
use switchyard_filter_manifest::Manifest;
use uuid::Uuid;

/// Beside the artifact there are only short texts.
const TEXT_BYTES_MAX: usize = 64 * 1024;

#[derive(Serialize)]
struct Registered {
    #[serde(flatten)]
    version: VersionView,
    plugin: PluginView,
    warnings: Vec<String>,
}

pub async fn register(
    actor: Actor,
    State(app): State<App>,
    conditions: Conditions,
    form: Result<Multipart, MultipartRejection>,
) -> Result<Response, Problem> {
    let form =
        form.map_err(|_| Problem::media_type("send the plugin as multipart/form-data with a part \"artifact\""))?;
    // Before 100 MB are read and compiled for somebody who may not register them.
    actor.may_register()?;
    let (artifact, claims) = receive(&app, form).await?;
    let accepted = {
        let _turn = app.examination().await?;
        let bytes = Arc::new(artifact.read().await?);
        intake::examine(app.runtime(), artifact.digest(), bytes, &claims).await?
    };
    let fingerprint = artifact.digest().to_string();
    let registration = registration(&conditions, &accepted, artifact.as_ref());
    let warnings = accepted.warnings;
    let present = move |world: &World, changes: &Changes| {
        present(world, changes, &registration_key(&accepted.manifest), &warnings)
    };
    let order =
        Order::new(&actor, conditions.asked(fingerprint.as_bytes()), Command::RegisterVersion(registration), present);
    let done = app.execute(order.with_artifact(artifact)).await?;
    if done.changes.as_ref().is_some_and(|changes| !changes.list.is_empty()) {
        app.metrics().registered();
    }
    answer::executed(done)
}

type Registering = (switchyard_contract::PluginName, switchyard_contract::Version);

fn registration_key(manifest: &Manifest) -> Registering {
    (manifest.name.clone(), manifest.version.clone())
}

/// 201 for a new version, 200 for the same bytes again.
fn present(world: &World, changes: &Changes, (name, version): &Registering, warnings: &[String]) -> Reply {
    let status = if changes.list.is_empty() { StatusCode::OK } else { StatusCode::CREATED };
    let view = world.plugin(name).and_then(|plugin| {
        let kept = plugin.versions.get(version)?;
        let version = VersionView::of(version, kept);
        Some(Registered { version, plugin: PluginView::of(plugin), warnings: warnings.to_vec() })
    });
    let generation = world.plugin(name).map(|plugin| plugin.generation).unwrap_or_default();
    Reply::new(status, generation, view)
}

fn registration(conditions: &Conditions, accepted: &Accepted, artifact: &dyn Staged) -> Registration {
    let manifest = &accepted.manifest;
    Registration {
        new_id: Uuid::new_v4(),
        salt: rand::rng().random(),
        name: manifest.name.clone(),
        version: manifest.version.clone(),
        kind: manifest.kind.to_string(),
        description: manifest.description.clone(),
        digest: artifact.digest(),
        size_bytes: artifact.size_bytes(),
        imports: accepted.imports.clone(),
        manifest: json!({
            "capabilities": manifest.capabilities.iter().map(|capability| capability.as_str()).collect::<Vec<_>>(),
            "limits": manifest.limits,
        }),
        traceparent: conditions.traceparent().map(str::to_owned),
    }
}

async fn receive(app: &App, mut form: Multipart) -> Result<(Box<dyn Staged>, Claims), Problem> {
    let mut artifact = None;
    let mut claims = Claims::default();
    while let Some(field) = form.next_field().await.map_err(broken)? {
        let name = field.name().unwrap_or_default().to_owned();
        let twice = match name.as_str() {
            "artifact" => artifact.replace(stage(app, field).await?).is_some(),
            "manifest" => claims.manifest.replace(text(&name, field).await?).is_some(),
            "config" => claims.config.replace(text(&name, field).await?).is_some(),
            _ => {
                let name = names::shortened(&name);
                let reason = format!("unknown part {name:?}: known are \"artifact\", \"manifest\" and \"config\"");
                return Err(Problem::invalid(vec![Reason::at("", reason)]));
            }
        };
        if twice {
            return Err(Problem::invalid(vec![Reason::at(format!("/{name}"), format!("part {name:?} stands twice"))]));
        }
    }
    let missing = || Problem::invalid(vec![Reason::at("/artifact", "the part \"artifact\" is missing")]);
    Ok((artifact.ok_or_else(missing)?, claims))
}

async fn stage(app: &App, mut field: Field<'_>) -> Result<Box<dyn Staged>, Problem> {
    let mut staging = app.artifacts().stage().await?;
    while let Some(chunk) = field.chunk().await.map_err(broken)? {
        staging.write(chunk).await?;
    }
    Ok(staging.seal().await?)
}

async fn text(name: &str, mut field: Field<'_>) -> Result<String, Problem> {
    let mut bytes = Vec::new();
    while let Some(chunk) = field.chunk().await.map_err(broken)? {
        bytes.extend_from_slice(&chunk);
        if bytes.len() > TEXT_BYTES_MAX {
            return Err(Problem::too_large(format!("part {name:?} has more than {TEXT_BYTES_MAX} bytes")));
        }
    }
    let not_text = |_| Problem::invalid(vec![Reason::at(format!("/{name}"), "it is not UTF-8 text")]);
    String::from_utf8(bytes).map_err(not_text)
}

fn broken(error: MultipartError) -> Problem {
    if error.status() == StatusCode::PAYLOAD_TOO_LARGE {
        return Problem::too_large("the upload is larger than an artifact may be");
    }
    Problem::malformed(error.body_text())
}
