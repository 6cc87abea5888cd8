//! Creating and revoking access tokens.

use super::Draft;
use crate::command::{Changes, NewToken};
use crate::refusal::{Faults, Refusal};
use crate::role::Role;
use crate::token::{TOKENS_MAX, Token};
use serde_json::json;
use uuid::Uuid;

const NAME_CHARS_MAX: usize = 100;

pub(super) fn create(mut draft: Draft<'_>, new: &NewToken) -> Result<Changes, Refusal> {
    let mut faults = Faults::default();
    let length = new.name.trim().chars().count();
    if length == 0 || length > NAME_CHARS_MAX || new.name.chars().any(char::is_control) {
        faults.invalid("/name", format!("a token's name has 1 to {NAME_CHARS_MAX} printable characters"));
    }
    if new.expires_at_unix_ms.is_some_and(|expires| expires <= draft.now_unix_ms) {
        faults.invalid("/expiresAt", "the token would have expired already");
    }
    if let Role::TenantOwner { tenants } = &new.role {
        if tenants.is_empty() {
            faults.invalid("/tenants", "a TenantOwner owns at least one tenant");
        }
        for (at, tenant) in tenants.iter().enumerate().filter(|(_, tenant)| draft.world.tenant(tenant).is_none()) {
            faults.invalid(format!("/tenants/{at}"), format!("there is no tenant {tenant}"));
        }
    }
    if draft.world.tokens().len() >= TOKENS_MAX {
        faults.conflict("", format!("there are {TOKENS_MAX} tokens, the most there may be"));
    }
    if draft.world.token(new.id).is_some() {
        faults.conflict("", format!("token {} exists", new.id));
    }
    faults.verdict()?;
    let detail = json!({ "name": new.name, "role": new.role });
    let token = Token {
        id: new.id,
        generation: draft.next,
        name: new.name.clone(),
        secret_sha256: new.secret_sha256.clone(),
        role: new.role.clone(),
        created_at_unix_ms: draft.now_unix_ms,
        created_by: draft.by().to_owned(),
        expires_at_unix_ms: new.expires_at_unix_ms,
        revoked_at_unix_ms: None,
    };
    draft.put_token(token);
    draft.done("token.create", detail)
}

/// The last way in stays open: the only valid Admin token cannot be revoked.
pub(super) fn revoke(mut draft: Draft<'_>, id: Uuid) -> Result<Changes, Refusal> {
    let token = draft.world.token(id).ok_or_else(|| Refusal::not_found(format_args!("token {id}")))?;
    if token.revoked_at_unix_ms.is_some() {
        return draft.already();
    }
    let now = draft.now_unix_ms;
    let other_admin =
        draft.world.tokens().values().any(|other| other.id != id && other.role == Role::Admin && other.is_valid(now));
    if token.role == Role::Admin && !other_admin {
        return Err(Refusal::conflict("this is the only valid Admin token: create another before revoking it"));
    }
    let mut revoked = Token::clone(token);
    revoked.revoked_at_unix_ms = Some(now);
    let detail = json!({ "name": revoked.name });
    draft.put_token(revoked);
    draft.done("token.revoke", detail)
}
