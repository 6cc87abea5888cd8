//! Access tokens: what is kept of them. The secret itself is never stored.

use crate::UnixMs;
use crate::role::Role;
use serde::{Deserialize, Serialize};
use switchyard_contract::Generation;
use uuid::Uuid;

/// Tokens an installation may hold, revoked ones included.
pub const TOKENS_MAX: usize = 10_000;

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Token {
    pub id: Uuid,
    pub generation: Generation,
    /// What the audit log shows as the actor.
    pub name: String,
    /// SHA-256 of the secret, lower-case hex.
    pub secret_sha256: String,
    pub role: Role,
    pub created_at_unix_ms: UnixMs,
    pub created_by: String,
    pub expires_at_unix_ms: Option<UnixMs>,
    pub revoked_at_unix_ms: Option<UnixMs>,
}

impl Token {
    pub fn is_valid(&self, now_unix_ms: UnixMs) -> bool {
        self.revoked_at_unix_ms.is_none() && self.expires_at_unix_ms.is_none_or(|expires| now_unix_ms < expires)
    }
}
