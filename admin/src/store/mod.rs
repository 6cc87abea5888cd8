//! Where the control plane keeps what must not be lost: a document store with compare-and-set, an
//! audit log and answers for idempotent requests. Every implementation runs the same conformance
//! suite (`admin/tests/store_conformance.rs`).

mod audit;
mod sqlite;

pub use audit::{AuditRow, Hash, NewAuditRow, Verdict, verify_audit};
pub use sqlite::SqliteStore;

use async_trait::async_trait;

/// One resource as it is kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Document {
    pub kind: String,
    pub id: String,
    /// The generation of the world that last changed it.
    pub generation: u64,
    /// JSON.
    pub body: String,
}

/// Everything, as of one generation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Loaded {
    pub generation: u64,
    pub documents: Vec<Document>,
}

/// A change of one document. `expected`: the generation it must have; `None`: it must not exist.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Write {
    Put { document: Document, expected: Option<u64> },
    Delete { kind: String, id: String, expected: u64 },
}

/// An answer kept so that the same request again gets the same answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    pub actor: String,
    pub idempotency_key: String,
    /// Of method, path and body: the same key for another request is a mistake.
    pub request_sha256: Hash,
    pub status: u16,
    pub body: String,
    pub created_at_unix_ms: u64,
}

/// What becomes true together, or not at all.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Commit {
    /// The world is at `generation - 1` before and at `generation` after.
    pub generation: u64,
    pub writes: Vec<Write>,
    pub audit: Vec<NewAuditRow>,
    pub answer: Option<Answer>,
}

/// Which audit rows to read.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct AuditQuery {
    /// Only rows before this number (newest first) or after it (oldest first).
    pub beyond: Option<u64>,
    pub oldest_first: bool,
    pub actor: Option<String>,
    pub subject: Option<String>,
    pub rows_max: u32,
}

#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    #[error("another writer came first: the store is not at generation {expected} any more")]
    Stale { expected: u64 },
    #[error("an answer is kept already for Idempotency-Key {0:?}")]
    AnswerExists(String),
    #[error("{path} is in use by another admin ({owner}): stop that one, or give this one a data folder of its own")]
    Owned { path: String, owner: String },
    #[error(
        "the store has migration {migration}, which this version does not know: it was written by a newer switchyard; \
         run that one, or restore a backup from before the upgrade"
    )]
    Newer { migration: i64 },
    #[error("could not {doing}: {reason}")]
    Unavailable { doing: &'static str, reason: String },
    #[error("the store holds something unreadable: {0}")]
    Corrupt(String),
}

#[async_trait]
pub trait Store: Send + Sync + 'static {
    async fn load(&self) -> Result<Loaded, StoreError>;
    /// All or nothing; when it answers `Ok` it survives kill -9 and loss of power.
    async fn commit(&self, commit: &Commit) -> Result<(), StoreError>;
    async fn answer(&self, actor: &str, idempotency_key: &str) -> Result<Option<Answer>, StoreError>;
    /// Forgets answers older than that. Gives their number.
    async fn forget_answers(&self, created_before_unix_ms: u64) -> Result<u64, StoreError>;
    async fn audit(&self, query: &AuditQuery) -> Result<Vec<AuditRow>, StoreError>;
    /// Number and hash of the newest audit row, as the commits recorded it beside the log.
    async fn audit_head(&self) -> Result<(u64, Hash), StoreError>;
    /// Whether it can be used now.
    async fn ping(&self) -> Result<(), StoreError>;
    async fn close(&self);
}
