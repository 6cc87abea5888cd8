//! Token to actor. An `Actor` comes from here and nowhere else; whatever changes or shows something
//! takes one, so a handler cannot be written without.
//!
//! A token is `swy_`, its id and a secret of 256 random bits. Only the SHA-256 of the secret is kept.

use crate::api::Problem;
use crate::app::{App, now_unix_ms};
use axum::extract::FromRequestParts;
use http::header::AUTHORIZATION;
use http::request::Parts;
use ring::digest::{SHA256, digest};
use ring::rand::{SecureRandom, SystemRandom};
use subtle::ConstantTimeEq;
use switchyard_domain::{Principal, Refusal, Role};
use uuid::Uuid;

const PREFIX: &str = "swy_";
const SECRET_BYTES: usize = 32;

/// Someone whose token was verified.
#[derive(Debug, Clone)]
pub struct Actor {
    principal: Principal,
    token: Option<Uuid>,
}

impl Actor {
    pub fn principal(&self) -> &Principal {
        &self.principal
    }
    /// The control plane itself.
    pub(crate) fn engine() -> Self {
        Self { principal: Principal::engine(), token: None }
    }
    /// Creates the first Admin token of an installation that has none.
    pub(crate) fn first_start() -> Self {
        Self { principal: Principal::new("first start", Role::Admin), token: None }
    }
    /// Errors: it may not register plugins; said before an upload is read.
    pub fn may_register(&self) -> Result<(), Problem> {
        Ok(self.principal.may_register()?)
    }
    /// Errors: not found, for what concerns the whole installation and is not open to it.
    pub fn may_see_installation(&self, what: &str) -> Result<(), Problem> {
        let missing = || Problem::not_found(format!("there is no {what} for {}", self.principal.name));
        self.principal.sees_installation().then_some(()).ok_or_else(missing)
    }
    /// Errors: only an Admin may.
    pub fn must_be_admin(&self) -> Result<(), Problem> {
        let refusal = || Refusal::forbidden(format!("{} is no Admin", self.principal.name));
        self.principal.is_admin().then_some(()).ok_or_else(|| refusal().into())
    }
    /// Two tokens never share idempotency keys, even under one name.
    pub(crate) fn idempotency_scope(&self) -> String {
        self.token.map_or_else(|| self.principal.name.clone(), |token| token.to_string())
    }
}

/// A token as its owner gets it, once.
pub struct FreshToken {
    pub id: Uuid,
    pub text: String,
    pub secret_sha256: String,
}

/// Errors: the system gives no random bytes.
pub fn fresh_token() -> Result<FreshToken, ring::error::Unspecified> {
    let mut secret = [0; SECRET_BYTES];
    SystemRandom::new().fill(&mut secret)?;
    let (id, secret) = (Uuid::new_v4(), hex(&secret));
    Ok(FreshToken { id, text: format!("{PREFIX}{}_{secret}", id.simple()), secret_sha256: hash(&secret) })
}

fn hash(secret: &str) -> String {
    hex(digest(&SHA256, secret.as_bytes()).as_ref())
}

pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// The actor of a token's text; `None` for whatever is wrong with it.
fn verify(app: &App, text: &str) -> Option<Actor> {
    let (id, secret) = text.strip_prefix(PREFIX)?.split_once('_')?;
    let id = id.parse().ok()?;
    let world = app.world();
    let token = world.token(id)?;
    let same = hash(secret).as_bytes().ct_eq(token.secret_sha256.as_bytes());
    if !bool::from(same) || !token.is_valid(now_unix_ms()) {
        return None;
    }
    Some(Actor { principal: Principal::new(token.name.clone(), token.role.clone()), token: Some(id) })
}

impl FromRequestParts<App> for Actor {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, Problem> {
        let header = parts
            .headers
            .get(AUTHORIZATION)
            .ok_or_else(|| Problem::unauthorized("this needs a token: send Authorization: Bearer with it"))?;
        let (scheme, token) = header.to_str().ok().and_then(|text| text.split_once(' ')).unwrap_or_default();
        if !scheme.eq_ignore_ascii_case("bearer") {
            return Err(Problem::unauthorized("only Authorization: Bearer is understood"));
        }
        verify(app, token.trim()).ok_or_else(|| Problem::unauthorized("the token is unknown, expired or revoked"))
    }
}
