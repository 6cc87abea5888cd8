//! A command with everything that came with it, and the answer to it.

use crate::artifacts::Staged;
use crate::auth::Actor;
use crate::store::Hash;
use serde_json::Value;
use switchyard_contract::Generation;
use switchyard_domain::{Changes, Command, World};

/// What the request said beside its body.
#[derive(Debug, Clone, Default)]
pub struct Asked {
    /// `If-Match`.
    pub expect: Option<Generation>,
    /// `Idempotency-Key`, with the digest of method, path and body.
    pub idempotency: Option<(String, Hash)>,
    pub traceparent: Option<String>,
}

type Present = Box<dyn Fn(&World, &Changes) -> Reply + Send + Sync>;

/// Something an actor wants done.
pub struct Order {
    pub(super) actor: Actor,
    pub(super) asked: Asked,
    pub(super) command: Command,
    pub(super) artifact: Option<Box<dyn Staged>>,
    pub(super) present: Present,
}

impl Order {
    /// `present` makes the answer from the world as it will be; it is kept with the commit.
    pub fn new(
        actor: &Actor,
        asked: Asked,
        command: Command,
        present: impl Fn(&World, &Changes) -> Reply + Send + Sync + 'static,
    ) -> Self {
        Self { actor: actor.clone(), asked, command, artifact: None, present: Box::new(present) }
    }
    /// Bytes that are kept if the command is carried out, and forgotten if not.
    pub fn with_artifact(mut self, artifact: Box<dyn Staged>) -> Self {
        self.artifact = Some(artifact);
        self
    }
}

/// An answer as it is sent and as it is kept for the same request again.
#[derive(Debug, Clone, PartialEq)]
pub struct Reply {
    pub status: u16,
    /// `Null`: no body.
    pub body: Value,
    /// The `ETag`: generation of the resource the answer shows.
    pub shown: Option<Generation>,
}

#[derive(Debug)]
pub struct Executed {
    pub reply: Reply,
    /// The answer of an earlier, equal request with the same `Idempotency-Key`.
    pub replayed: bool,
    /// `None` when replayed. An empty list of changes: it was so already.
    pub changes: Option<Changes>,
}
