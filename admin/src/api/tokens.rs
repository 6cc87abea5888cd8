//! `/tokens`: who may come in. A secret is shown once, when it is made, and never kept.

use super::conditions::Conditions;
use super::json::Strict;
use super::page::{Listed, Page};
use super::view::time;
use super::{Problem, answer, names};
use crate::api::address::Named;
use crate::app::{App, Order, Reply, now_unix_ms};
use crate::auth::{Actor, fresh_token};
use axum::Json;
use axum::extract::State;
use axum::response::Response;
use http::StatusCode;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::collections::BTreeSet;
use std::ops::Bound;
use switchyard_contract::TenantId;
use switchyard_domain::command::NewToken;
use switchyard_domain::token::Token;
use switchyard_domain::{Changes, Command, Reason, Role, World};
use uuid::Uuid;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct TokenBody {
    name: String,
    role: RoleName,
    /// For a TenantOwner.
    tenants: Option<Vec<String>>,
    /// RFC 3339.
    expires_at: Option<jiff::Timestamp>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
enum RoleName {
    Admin,
    Developer,
    TenantOwner,
    Viewer,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct TokenView {
    id: Uuid,
    generation: u64,
    name: String,
    role: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    tenants: Option<BTreeSet<TenantId>>,
    valid: bool,
    created_at: String,
    created_by: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    expires_at: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    revoked_at: Option<String>,
}

impl TokenView {
    fn of(token: &Token) -> Self {
        let (role, tenants) = match &token.role {
            Role::Admin => ("Admin", None),
            Role::Developer => ("Developer", None),
            Role::TenantOwner { tenants } => ("TenantOwner", Some(tenants.clone())),
            Role::Viewer => ("Viewer", None),
        };
        Self {
            id: token.id,
            generation: token.generation.0,
            name: token.name.clone(),
            role,
            tenants,
            valid: token.is_valid(now_unix_ms()),
            created_at: time(token.created_at_unix_ms),
            created_by: token.created_by.clone(),
            expires_at: token.expires_at_unix_ms.map(time),
            revoked_at: token.revoked_at_unix_ms.map(time),
        }
    }
}

pub async fn list(actor: Actor, State(app): State<App>, page: Page) -> Result<Json<Listed<TokenView>>, Problem> {
    actor.must_be_admin()?;
    let world = app.world();
    let start = page.after::<Uuid>()?.map_or(Bound::Unbounded, Bound::Excluded);
    let tokens = world.tokens().range((start, Bound::Unbounded));
    Ok(Json(page.of(tokens, |(id, _)| id.to_string(), |(_, token)| TokenView::of(token))))
}

/// The answer holds the token's text, this once: a replay for the same `Idempotency-Key` does not.
pub async fn create(
    actor: Actor,
    State(app): State<App>,
    conditions: Conditions,
    body: Strict<TokenBody>,
) -> Result<Response, Problem> {
    let role = role(&body.value)?;
    let fresh = fresh_token().map_err(|_| Problem::internal("the system gives no random bytes"))?;
    let expires_at_unix_ms = body.value.expires_at.map(|at| u64::try_from(at.as_millisecond()).unwrap_or(0));
    let new = NewToken {
        id: fresh.id,
        name: body.value.name.clone(),
        secret_sha256: fresh.secret_sha256,
        role,
        expires_at_unix_ms,
    };
    let order = Order::new(&actor, conditions.asked(&body.bytes), Command::CreateToken(new), present(fresh.id));
    let mut done = app.execute(order).await?;
    if let (false, Value::Object(body)) = (done.replayed, &mut done.reply.body) {
        body.insert("token".to_owned(), Value::String(fresh.text));
    }
    answer::executed(done)
}

fn role(body: &TokenBody) -> Result<Role, Problem> {
    let mut reasons = Vec::new();
    let tenants = body.tenants.iter().flatten().enumerate();
    let tenants = tenants.filter_map(|(at, tenant)| names::parsed(tenant, &format!("/tenants/{at}"), &mut reasons));
    let tenants: BTreeSet<_> = tenants.collect();
    if body.tenants.is_some() && body.role != RoleName::TenantOwner {
        reasons.push(Reason::at("/tenants", "only a TenantOwner has tenants"));
    }
    if !reasons.is_empty() {
        return Err(Problem::invalid(reasons));
    }
    Ok(match body.role {
        RoleName::Admin => Role::Admin,
        RoleName::Developer => Role::Developer,
        RoleName::TenantOwner => Role::TenantOwner { tenants },
        RoleName::Viewer => Role::Viewer,
    })
}

pub async fn revoke(
    actor: Actor,
    State(app): State<App>,
    Named(id): Named<String>,
    conditions: Conditions,
) -> Result<Response, Problem> {
    let token = id.parse().map_err(|_| names::missing("token", &id))?;
    let order = Order::new(&actor, conditions.asked(&[]), Command::RevokeToken { token }, |_, _| Reply::no_content());
    answer::executed(app.execute(order).await?)
}

fn present(id: Uuid) -> impl Fn(&World, &Changes) -> Reply + Send + Sync + 'static {
    move |world, _| {
        let token = world.token(id);
        let generation = token.map(|token| token.generation).unwrap_or_default();
        Reply::new(StatusCode::CREATED, generation, token.map(|token| TokenView::of(token)))
    }
}
