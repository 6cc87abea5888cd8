//! Rows of the audit log and of kept answers, in and out.

use super::unavailable;
use crate::store::{Answer, AuditQuery, AuditRow, Hash, NewAuditRow, StoreError};
use sqlx::sqlite::{SqlitePool, SqliteRow};
use sqlx::{FromRow, QueryBuilder, Row, Sqlite, SqliteConnection};

pub(super) fn hash(bytes: &[u8]) -> Result<Hash, StoreError> {
    bytes.try_into().map_err(|_| StoreError::Corrupt(format!("a hash of {} bytes", bytes.len())))
}

struct RawAuditRow {
    row: NewAuditRow,
    seq: i64,
    generation: i64,
    previous_hash: Vec<u8>,
    hash: Vec<u8>,
}

impl<'r> FromRow<'r, SqliteRow> for RawAuditRow {
    fn from_row(row: &'r SqliteRow) -> Result<Self, sqlx::Error> {
        let at_unix_ms: i64 = row.try_get("at_unix_ms")?;
        let new = NewAuditRow {
            at_unix_ms: at_unix_ms as u64,
            actor: row.try_get("actor")?,
            action: row.try_get("action")?,
            subject: row.try_get("subject")?,
            detail: row.try_get("detail")?,
            traceparent: row.try_get("traceparent")?,
        };
        Ok(Self {
            row: new,
            seq: row.try_get("seq")?,
            generation: row.try_get("generation")?,
            previous_hash: row.try_get("previous_hash")?,
            hash: row.try_get("hash")?,
        })
    }
}

pub(super) async fn audit(readers: &SqlitePool, query: &AuditQuery) -> Result<Vec<AuditRow>, StoreError> {
    let mut sql = QueryBuilder::<Sqlite>::new("SELECT * FROM audit WHERE 1 = 1");
    if let Some(beyond) = query.beyond {
        sql.push(if query.oldest_first { " AND seq > " } else { " AND seq < " }).push_bind(beyond as i64);
    }
    if let Some(actor) = &query.actor {
        sql.push(" AND actor = ").push_bind(actor.clone());
    }
    if let Some(subject) = &query.subject {
        sql.push(" AND subject = ").push_bind(subject.clone());
    }
    sql.push(if query.oldest_first { " ORDER BY seq ASC LIMIT " } else { " ORDER BY seq DESC LIMIT " });
    sql.push_bind(i64::from(query.rows_max));
    let rows: Vec<RawAuditRow> =
        sql.build_query_as().fetch_all(readers).await.map_err(unavailable("read the audit log"))?;
    rows.into_iter().map(checked).collect()
}

fn checked(raw: RawAuditRow) -> Result<AuditRow, StoreError> {
    Ok(AuditRow {
        seq: raw.seq as u64,
        generation: raw.generation as u64,
        row: raw.row,
        previous_hash: hash(&raw.previous_hash)?,
        hash: hash(&raw.hash)?,
    })
}

pub(super) async fn insert_audit(connection: &mut SqliteConnection, row: &AuditRow) -> Result<(), StoreError> {
    sqlx::query(
        "INSERT INTO audit (seq, generation, at_unix_ms, actor, action, subject, detail, traceparent, previous_hash, \
         hash) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
    )
    .bind(row.seq as i64)
    .bind(row.generation as i64)
    .bind(row.row.at_unix_ms as i64)
    .bind(&row.row.actor)
    .bind(&row.row.action)
    .bind(&row.row.subject)
    .bind(&row.row.detail)
    .bind(&row.row.traceparent)
    .bind(row.previous_hash.as_slice())
    .bind(row.hash.as_slice())
    .execute(connection)
    .await
    .map_err(unavailable("write the audit log"))?;
    Ok(())
}

pub(super) async fn answer(readers: &SqlitePool, actor: &str, key: &str) -> Result<Option<Answer>, StoreError> {
    let row: Option<(Vec<u8>, i64, String, i64)> = sqlx::query_as(
        "SELECT request_sha256, status, body, created_at_unix_ms FROM answer WHERE actor = ? AND idempotency_key = ?",
    )
    .bind(actor)
    .bind(key)
    .fetch_optional(readers)
    .await
    .map_err(unavailable("look for a kept answer"))?;
    let Some((request_sha256, status, body, created_at)) = row else { return Ok(None) };
    Ok(Some(Answer {
        actor: actor.to_owned(),
        idempotency_key: key.to_owned(),
        request_sha256: hash(&request_sha256)?,
        status: u16::try_from(status).map_err(|_| StoreError::Corrupt(format!("status {status}")))?,
        body,
        created_at_unix_ms: created_at as u64,
    }))
}
