//! A process of its own for the tests: compiles an artifact within limits, or commits to a store
//! until it is killed.

use std::path::Path;
use std::process::ExitCode;
use switchyard_admin::store::{Commit, Document, NewAuditRow, SqliteStore, Store, StoreError, Write};

fn main() -> ExitCode {
    let arguments: Vec<_> = std::env::args().skip(1).collect();
    match arguments.iter().map(String::as_str).collect::<Vec<_>>().as_slice() {
        ["commit", store] => match commit_for_ever(Path::new(store)) {
            Ok(()) => ExitCode::SUCCESS,
            Err(error) => {
                eprintln!("{error}");
                ExitCode::FAILURE
            }
        },
        [.., job] => switchyard_runtime::compile::child_main(job),
        [] => ExitCode::FAILURE,
    }
}

/// Says every generation on a line of its own once it is acknowledged.
fn commit_for_ever(path: &Path) -> Result<(), StoreError> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| StoreError::Unavailable { doing: "start", reason: error.to_string() })?;
    runtime.block_on(async {
        let store = SqliteStore::open(path).await?;
        for generation in store.load().await?.generation + 1.. {
            store.commit(&commit(generation)).await?;
            println!("{generation}");
        }
        Ok(())
    })
}

fn commit(generation: u64) -> Commit {
    // Two documents and an audit row: half a commit would show.
    let put = |half: &str| Write::Put {
        document: Document {
            kind: "tenant".to_owned(),
            id: format!("{half}-{generation}"),
            generation,
            body: format!("{{\"padding\":\"{}\"}}", "x".repeat(2_000)),
        },
        expected: None,
    };
    let row = NewAuditRow {
        at_unix_ms: generation,
        actor: "child".to_owned(),
        action: "test.commit".to_owned(),
        subject: format!("generation {generation}"),
        detail: "{}".to_owned(),
        traceparent: None,
    };
    Commit { generation, writes: vec![put("left"), put("right")], audit: vec![row], answer: None }
}
