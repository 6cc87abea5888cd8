//! What every store must do, as functions over the trait; run on SQLite here.

use std::path::Path;
use switchyard_admin::store::{
    Answer, AuditQuery, Commit, Document, NewAuditRow, SqliteStore, Store, StoreError, Verdict, Write, verify_audit,
};
use tempfile::TempDir;

fn put(id: &str, generation: u64, body: &str, expected: Option<u64>) -> Write {
    let (kind, id, body) = ("tenant".to_owned(), id.to_owned(), body.to_owned());
    Write::Put { document: Document { kind, id, generation, body }, expected }
}

fn delete(id: &str, expected: u64) -> Write {
    Write::Delete { kind: "tenant".to_owned(), id: id.to_owned(), expected }
}

fn row(actor: &str, subject: &str) -> NewAuditRow {
    NewAuditRow {
        at_unix_ms: 1_700_000_000_000,
        actor: actor.to_owned(),
        action: "test".to_owned(),
        subject: subject.to_owned(),
        detail: "{\"a\":1}".to_owned(),
        traceparent: Some("00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01".to_owned()),
    }
}

fn commit(generation: u64, writes: Vec<Write>) -> Commit {
    Commit { generation, writes, audit: vec![row("ada", &format!("thing {generation}"))], answer: None }
}

fn answer(key: &str, created_at_unix_ms: u64) -> Answer {
    Answer {
        actor: "ada".to_owned(),
        idempotency_key: key.to_owned(),
        request_sha256: [7; 32],
        status: 201,
        body: "{\"made\":true}".to_owned(),
        created_at_unix_ms,
    }
}

async fn bodies(store: &dyn Store) -> Vec<(String, u64, String)> {
    let documents = store.load().await.unwrap().documents;
    documents.into_iter().map(|document| (document.id, document.generation, document.body)).collect()
}

async fn documents_are_compared_and_set(store: &dyn Store) {
    assert_eq!(store.load().await.unwrap().generation, 0);
    store.commit(&commit(1, vec![put("a", 1, "1", None), put("b", 1, "1", None)])).await.unwrap();
    store.commit(&commit(2, vec![put("a", 2, "2", Some(1)), delete("b", 1)])).await.unwrap();
    assert_eq!(bodies(store).await, [("a".to_owned(), 2, "2".to_owned())]);

    // Each of these is stale in another way; none of them may leave a trace.
    for stale in [
        commit(2, vec![]),
        commit(4, vec![]),
        commit(3, vec![put("c", 3, "3", None), put("a", 3, "3", Some(1))]),
        commit(3, vec![put("c", 3, "3", None), put("a", 3, "3", None)]),
        commit(3, vec![put("c", 3, "3", None), delete("a", 1)]),
        commit(3, vec![put("c", 3, "3", Some(2))]),
    ] {
        assert!(matches!(store.commit(&stale).await, Err(StoreError::Stale { .. })), "{stale:?}");
    }
    assert_eq!(store.load().await.unwrap().generation, 2);
    assert_eq!(bodies(store).await.len(), 1);
    assert_eq!(store.audit_head().await.unwrap().0, 2);
}

async fn answers_are_kept_with_their_commit(store: &dyn Store) {
    let generation = store.load().await.unwrap().generation + 1;
    let kept = answer("key", 1_000);
    let first = Commit { answer: Some(kept.clone()), ..commit(generation, vec![]) };
    store.commit(&first).await.unwrap();
    assert_eq!(store.answer("ada", "key").await.unwrap(), Some(kept.clone()));
    assert_eq!(store.answer("bob", "key").await.unwrap(), None);

    let again = Commit { answer: Some(kept), ..commit(generation + 1, vec![put("never", 1, "", None)]) };
    assert!(matches!(store.commit(&again).await, Err(StoreError::AnswerExists(_))));
    assert!(bodies(store).await.iter().all(|(id, ..)| id != "never"));

    assert_eq!(store.forget_answers(1_000).await.unwrap(), 0);
    assert_eq!(store.forget_answers(1_001).await.unwrap(), 1);
    assert_eq!(store.answer("ada", "key").await.unwrap(), None);
}

async fn the_audit_log_is_read_in_pages_and_verified(store: &dyn Store) {
    let start = store.load().await.unwrap().generation;
    for generation in start + 1..=start + 5 {
        let rows = vec![row("eve", "thing x"), row("bob", &format!("thing {generation}"))];
        store.commit(&Commit { audit: rows, ..commit(generation, vec![]) }).await.unwrap();
    }
    let all = AuditQuery { oldest_first: true, rows_max: 100, ..AuditQuery::default() };
    let rows = store.audit(&all).await.unwrap();
    let numbers: Vec<_> = rows.iter().map(|row| row.seq).collect();
    assert_eq!(numbers, (1..=rows.len() as u64).collect::<Vec<_>>());
    assert_eq!(rows.last().unwrap().row, row("bob", &format!("thing {}", start + 5)));

    let newest = AuditQuery { rows_max: 2, ..AuditQuery::default() };
    let newest: Vec<_> = store.audit(&newest).await.unwrap().iter().map(|row| row.seq).collect();
    let last = rows.len() as u64;
    assert_eq!(newest, [last, last - 1]);
    let before = AuditQuery { beyond: Some(last - 1), rows_max: 1, ..AuditQuery::default() };
    assert_eq!(store.audit(&before).await.unwrap()[0].seq, last - 2);

    let of = |actor: Option<&str>, subject: Option<&str>| AuditQuery {
        actor: actor.map(str::to_owned),
        subject: subject.map(str::to_owned),
        ..all.clone()
    };
    assert_eq!(store.audit(&of(Some("eve"), None)).await.unwrap().len(), 5);
    assert_eq!(store.audit(&of(Some("eve"), Some("thing y"))).await.unwrap().len(), 0);
    assert_eq!(store.audit(&of(None, Some("thing x"))).await.unwrap().len(), 5);
    let head = rows.last().unwrap().hash;
    assert_eq!(verify_audit(store).await.unwrap(), Verdict::Intact { rows: last, head });
}

async fn conforms(store: &dyn Store) {
    store.ping().await.unwrap();
    assert!(matches!(verify_audit(store).await.unwrap(), Verdict::Intact { rows: 0, .. }));
    documents_are_compared_and_set(store).await;
    answers_are_kept_with_their_commit(store).await;
    the_audit_log_is_read_in_pages_and_verified(store).await;
}

#[tokio::test]
async fn sqlite_conforms() {
    let folder = TempDir::new().unwrap();
    conforms(&SqliteStore::open(&folder.path().join("store.db")).await.unwrap()).await;
}

async fn execute(path: &Path, sql: &'static str) {
    let options = sqlx::sqlite::SqliteConnectOptions::new().filename(path);
    let pool = sqlx::sqlite::SqlitePool::connect_with(options).await.unwrap();
    sqlx::query(sql).execute(&pool).await.unwrap();
    pool.close().await;
}

async fn closed_store_with_rows(path: &Path, rows: u64) {
    let store = SqliteStore::open(path).await.unwrap();
    for generation in 1..=rows {
        store.commit(&commit(generation, vec![])).await.unwrap();
    }
    store.close().await;
}

#[tokio::test]
async fn tampering_with_the_audit_log_is_found() {
    let tampered = [
        ("UPDATE audit SET actor = 'mallory' WHERE seq = 3", 3),
        ("UPDATE audit SET detail = '{}' WHERE seq = 1", 1),
        ("UPDATE audit SET traceparent = NULL WHERE seq = 2", 2),
        ("UPDATE audit SET hash = zeroblob(32) WHERE seq = 3", 3),
        ("DELETE FROM audit WHERE seq = 4", 4),
        ("DELETE FROM audit WHERE seq = 6", 6),
        ("DELETE FROM audit", 1),
        ("UPDATE world SET audit_hash = zeroblob(32)", 6),
        ("UPDATE audit SET generation = 9 WHERE seq = 5", 5),
    ];
    for (sql, seq) in tampered {
        let folder = TempDir::new().unwrap();
        let path = folder.path().join("store.db");
        closed_store_with_rows(&path, 6).await;
        execute(&path, sql).await;
        let store = SqliteStore::open(&path).await.unwrap();
        match verify_audit(&store).await.unwrap() {
            Verdict::Broken { seq: found, reason } => assert_eq!(found, seq, "{sql}: {reason}"),
            Verdict::Intact { .. } => panic!("not found: {sql}"),
        }
    }
}

#[tokio::test]
async fn a_file_has_one_owner() {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("store.db");
    let first = SqliteStore::open(&path).await.unwrap();
    let error = SqliteStore::open(&path).await.err().unwrap();
    assert!(matches!(error, StoreError::Owned { .. }), "{error}");
    assert!(error.to_string().contains(&format!("process {}", std::process::id())), "{error}");
    first.close().await;
    drop(first);
    SqliteStore::open(&path).await.unwrap();
}

#[tokio::test]
async fn a_newer_schema_is_refused_and_left_alone() {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("store.db");
    closed_store_with_rows(&path, 2).await;
    execute(
        &path,
        "INSERT INTO _sqlx_migrations (version, description, success, checksum, execution_time) \
         VALUES (9999, 'from the future', 1, zeroblob(48), 0)",
    )
    .await;
    let error = SqliteStore::open(&path).await.err().unwrap();
    assert!(matches!(error, StoreError::Newer { migration: 9999 }), "{error}");
    execute(&path, "DELETE FROM _sqlx_migrations WHERE version = 9999").await;
    assert_eq!(SqliteStore::open(&path).await.unwrap().load().await.unwrap().generation, 2);
}
