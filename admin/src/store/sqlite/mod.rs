//! The default store: one SQLite file in WAL mode, synced at every commit, owned by one process.

mod commit;
mod owner;
mod rows;

use super::{Answer, AuditQuery, AuditRow, Commit, Document, Hash, Loaded, Store, StoreError};
use async_trait::async_trait;
use owner::Owner;
use sqlx::migrate::{MigrateError, Migrator};
use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePool, SqlitePoolOptions, SqliteSynchronous};
use std::path::Path;
use std::time::Duration;

/// Forward only: what is released is never changed, only added to.
static MIGRATIONS: Migrator = sqlx::migrate!("migrations/sqlite");

const READERS_MAX: u32 = 4;
const BUSY_TIMEOUT: Duration = Duration::from_secs(5);

pub struct SqliteStore {
    /// One connection: SQLite has one writer at a time anyway.
    writer: SqlitePool,
    readers: SqlitePool,
    /// Held until the store is dropped.
    _owner: Owner,
}

impl SqliteStore {
    /// Opens or creates the file, takes ownership of it and brings its schema up to date.
    pub async fn open(path: &Path) -> Result<Self, StoreError> {
        let owner = Owner::take(path)?;
        let options = SqliteConnectOptions::new()
            .filename(path)
            .create_if_missing(true)
            .journal_mode(SqliteJournalMode::Wal)
            .synchronous(SqliteSynchronous::Full)
            .foreign_keys(true)
            .busy_timeout(BUSY_TIMEOUT);
        let writer = SqlitePoolOptions::new().max_connections(1).connect_with(options.clone()).await;
        let writer = writer.map_err(unavailable("open the store"))?;
        MIGRATIONS.run(&writer).await.map_err(migration_error)?;
        let readers = SqlitePoolOptions::new().max_connections(READERS_MAX).connect_lazy_with(options.read_only(true));
        Ok(Self { writer, readers, _owner: owner })
    }
}

fn migration_error(error: MigrateError) -> StoreError {
    match error {
        MigrateError::VersionMissing(migration) => StoreError::Newer { migration },
        other => StoreError::Unavailable { doing: "bring the store's schema up to date", reason: other.to_string() },
    }
}

/// Turns what SQLite said into what was tried and why it failed.
fn unavailable(doing: &'static str) -> impl Fn(sqlx::Error) -> StoreError {
    move |error| StoreError::Unavailable { doing, reason: error.to_string() }
}

#[async_trait]
impl Store for SqliteStore {
    async fn load(&self) -> Result<Loaded, StoreError> {
        let failed = unavailable("read the store");
        // One transaction: the documents are those of this generation.
        let mut transaction = self.readers.begin().await.map_err(&failed)?;
        let generation: i64 =
            sqlx::query_scalar("SELECT generation FROM world").fetch_one(&mut *transaction).await.map_err(&failed)?;
        let rows: Vec<(String, String, i64, String)> =
            sqlx::query_as("SELECT kind, id, generation, body FROM resource ORDER BY kind, id")
                .fetch_all(&mut *transaction)
                .await
                .map_err(&failed)?;
        let documents = rows
            .into_iter()
            .map(|(kind, id, generation, body)| Document { kind, id, generation: generation as u64, body })
            .collect();
        Ok(Loaded { generation: generation as u64, documents })
    }

    async fn commit(&self, commit: &Commit) -> Result<(), StoreError> {
        commit::run(&self.writer, commit).await
    }

    async fn answer(&self, actor: &str, idempotency_key: &str) -> Result<Option<Answer>, StoreError> {
        rows::answer(&self.readers, actor, idempotency_key).await
    }

    async fn forget_answers(&self, created_before_unix_ms: u64) -> Result<u64, StoreError> {
        let done = sqlx::query("DELETE FROM answer WHERE created_at_unix_ms < ?")
            .bind(created_before_unix_ms as i64)
            .execute(&self.writer)
            .await;
        Ok(done.map_err(unavailable("forget old answers"))?.rows_affected())
    }

    async fn audit(&self, query: &AuditQuery) -> Result<Vec<AuditRow>, StoreError> {
        rows::audit(&self.readers, query).await
    }

    async fn audit_head(&self) -> Result<(u64, Hash), StoreError> {
        let head: (i64, Vec<u8>) = sqlx::query_as("SELECT audit_seq, audit_hash FROM world")
            .fetch_one(&self.readers)
            .await
            .map_err(unavailable("read the head of the audit log"))?;
        Ok((head.0 as u64, rows::hash(&head.1)?))
    }

    async fn ping(&self) -> Result<(), StoreError> {
        let answered = sqlx::query_scalar::<_, i64>("SELECT only_row FROM world").fetch_one(&self.readers).await;
        answered.map(drop).map_err(unavailable("read the store"))
    }

    async fn close(&self) {
        self.readers.close().await;
        self.writer.close().await;
    }
}
