//! The audit log's chain: every row's hash covers the row and the hash before it, so that changing,
//! removing or reordering a row breaks the chain from there on.

use super::{AuditQuery, Store, StoreError};
use ring::digest::{Context, SHA256};

/// SHA-256.
pub type Hash = [u8; 32];

const VERIFY_ROWS: u32 = 1_000;

/// A row before it has its place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewAuditRow {
    pub at_unix_ms: u64,
    pub actor: String,
    /// A verb such as `tenant.create`.
    pub action: String,
    /// What it was done to, such as `tenant shop`.
    pub subject: String,
    /// JSON.
    pub detail: String,
    /// W3C trace context of the request.
    pub traceparent: Option<String>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AuditRow {
    /// From 1, without gaps.
    pub seq: u64,
    /// The generation of the world it made.
    pub generation: u64,
    pub row: NewAuditRow,
    pub previous_hash: Hash,
    pub hash: Hash,
}

impl AuditRow {
    /// The row that comes after `previous`.
    pub fn after(previous: (u64, Hash), generation: u64, row: NewAuditRow) -> Self {
        let (seq, previous_hash) = (previous.0 + 1, previous.1);
        let hash = hash(seq, generation, &row, &previous_hash);
        Self { seq, generation, row, previous_hash, hash }
    }
}

/// Every field with its length before it, so that no two rows have the same bytes.
fn hash(seq: u64, generation: u64, row: &NewAuditRow, previous: &Hash) -> Hash {
    let mut context = Context::new(&SHA256);
    let mut field = |bytes: &[u8]| {
        context.update(&(bytes.len() as u64).to_be_bytes());
        context.update(bytes);
    };
    field(b"switchyard-audit-1");
    field(previous);
    field(&seq.to_be_bytes());
    field(&generation.to_be_bytes());
    field(&row.at_unix_ms.to_be_bytes());
    field(row.actor.as_bytes());
    field(row.action.as_bytes());
    field(row.subject.as_bytes());
    field(row.detail.as_bytes());
    match &row.traceparent {
        Some(traceparent) => field(&[b"1", traceparent.as_bytes()].concat()),
        None => field(b"0"),
    }
    let mut hash = [0; 32];
    hash.copy_from_slice(context.finish().as_ref());
    hash
}

/// What checking the whole log said.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// `head` may be written down elsewhere: a log cut and rebuilt would not end in it.
    Intact {
        rows: u64,
        head: Hash,
    },
    Broken {
        seq: u64,
        reason: String,
    },
}

/// Reads the whole log, oldest first, and follows the chain to the recorded head.
pub async fn verify_audit(store: &dyn Store) -> Result<Verdict, StoreError> {
    // The head first: rows committed meanwhile come after it and are left for the next time.
    let head = store.audit_head().await?;
    let mut last = (0, [0; 32]);
    while last.0 < head.0 {
        let query =
            AuditQuery { beyond: Some(last.0), oldest_first: true, rows_max: VERIFY_ROWS, ..AuditQuery::default() };
        let rows = store.audit(&query).await?;
        if rows.is_empty() {
            let reason = format!("rows {} to {} are missing", last.0 + 1, head.0);
            return Ok(Verdict::Broken { seq: last.0 + 1, reason });
        }
        for row in rows.into_iter().filter(|row| row.seq <= head.0) {
            if let Some(reason) = fault(last, &row) {
                return Ok(Verdict::Broken { seq: last.0 + 1, reason });
            }
            last = (row.seq, row.hash);
        }
    }
    if last.1 != head.1 {
        let reason = "the log does not end in the hash that was recorded beside it".to_owned();
        return Ok(Verdict::Broken { seq: last.0, reason });
    }
    Ok(Verdict::Intact { rows: last.0, head: last.1 })
}

fn fault(last: (u64, Hash), row: &AuditRow) -> Option<String> {
    if row.seq != last.0 + 1 {
        return Some(format!("row {} is missing", last.0 + 1));
    }
    if row.previous_hash != last.1 {
        return Some("the row does not continue the one before it".to_owned());
    }
    let expected = hash(row.seq, row.generation, &row.row, &row.previous_hash);
    (row.hash != expected).then(|| "the row was changed after it was written".to_owned())
}
