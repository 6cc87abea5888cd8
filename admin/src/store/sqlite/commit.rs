//! One commit as one transaction.

use super::{rows, unavailable};
use crate::store::{Answer, AuditRow, Commit, StoreError, Write};
use sqlx::SqliteConnection;
use sqlx::sqlite::SqlitePool;

pub(super) async fn run(writer: &SqlitePool, commit: &Commit) -> Result<(), StoreError> {
    let failed = unavailable("commit to the store");
    // Immediate: the write lock is taken before anything is read.
    let mut transaction = writer.begin_with("BEGIN IMMEDIATE").await.map_err(&failed)?;
    let connection = &mut *transaction;
    advance(connection, commit).await?;
    for write in &commit.writes {
        apply(connection, write, commit.generation).await?;
    }
    if let Some(answer) = &commit.answer {
        keep(connection, answer).await?;
    }
    transaction.commit().await.map_err(failed)
}

/// Appends the audit rows and moves the world on by one generation.
async fn advance(connection: &mut SqliteConnection, commit: &Commit) -> Result<(), StoreError> {
    let failed = unavailable("write the audit log");
    let expected = commit.generation.saturating_sub(1);
    let world: (i64, i64, Vec<u8>) = sqlx::query_as("SELECT generation, audit_seq, audit_hash FROM world")
        .fetch_one(&mut *connection)
        .await
        .map_err(&failed)?;
    if world.0 as u64 != expected {
        return Err(StoreError::Stale { expected });
    }
    let mut head = (world.1 as u64, rows::hash(&world.2)?);
    for row in &commit.audit {
        let row = AuditRow::after(head, commit.generation, row.clone());
        head = (row.seq, row.hash);
        rows::insert_audit(connection, &row).await?;
    }
    sqlx::query("UPDATE world SET generation = ?, audit_seq = ?, audit_hash = ?")
        .bind(commit.generation as i64)
        .bind(head.0 as i64)
        .bind(head.1.as_slice())
        .execute(connection)
        .await
        .map_err(failed)?;
    Ok(())
}

async fn apply(connection: &mut SqliteConnection, write: &Write, generation: u64) -> Result<(), StoreError> {
    let query = match write {
        Write::Put { document, expected: None } => {
            sqlx::query("INSERT INTO resource (generation, body, kind, id) VALUES (?, ?, ?, ?) ON CONFLICT DO NOTHING")
                .bind(document.generation as i64)
                .bind(&document.body)
                .bind(&document.kind)
                .bind(&document.id)
        }
        Write::Put { document, expected: Some(expected) } => {
            sqlx::query("UPDATE resource SET generation = ?, body = ? WHERE kind = ? AND id = ? AND generation = ?")
                .bind(document.generation as i64)
                .bind(&document.body)
                .bind(&document.kind)
                .bind(&document.id)
                .bind(*expected as i64)
        }
        Write::Delete { kind, id, expected } => {
            sqlx::query("DELETE FROM resource WHERE kind = ? AND id = ? AND generation = ?")
                .bind(kind)
                .bind(id)
                .bind(*expected as i64)
        }
    };
    let done = query.execute(connection).await.map_err(unavailable("write a document"))?;
    if done.rows_affected() == 1 { Ok(()) } else { Err(StoreError::Stale { expected: generation.saturating_sub(1) }) }
}

async fn keep(connection: &mut SqliteConnection, answer: &Answer) -> Result<(), StoreError> {
    let done = sqlx::query(
        "INSERT INTO answer (actor, idempotency_key, request_sha256, status, body, created_at_unix_ms) \
         VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING",
    )
    .bind(&answer.actor)
    .bind(&answer.idempotency_key)
    .bind(answer.request_sha256.as_slice())
    .bind(i64::from(answer.status))
    .bind(&answer.body)
    .bind(answer.created_at_unix_ms as i64)
    .execute(connection)
    .await
    .map_err(unavailable("keep the answer"))?;
    if done.rows_affected() == 1 { Ok(()) } else { Err(StoreError::AnswerExists(answer.idempotency_key.clone())) }
}
